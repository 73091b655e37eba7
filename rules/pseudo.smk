"""pseudo: an arm's training set; and its masks against the hidden truth, for the report alone."""


def refinement(wildcards):
    """Input: what turns rough masks into refined ones; nothing for an arm that keeps them rough.

    The store is named beside its manifest so that a temporary one lives until it has been read. Its time says nothing:
    hence `ancient`. It is named in every study, so that making it temporary changes no rule's inputs.
    """
    arm = get_arm(wildcards.arm)
    if arm.pseudo != "refined":
        return {}
    crops = Product("crops", second_round(arm.name), side="weak")
    refiner = LINEAGE.refiner(arm.name, wildcards.variant)
    around = "" if refiner.arm is None else arm.round
    return {
        "crops": path_of(crops, f"{arm.round}crops/weak.zarr.manifest.json", wildcards),
        "store": ancient(path_of(crops, f"{arm.round}crops/weak.zarr", wildcards)),
        "refiner": path_of(refiner, f"{around}refiner/model.safetensors", wildcards),
    }


def measured_proposals(wildcards):
    """Input: the proposals behind an arm's pseudo masks; nothing for an arm whose labels come without points."""
    return {"proposals": weak_proposals_of(wildcards)} if "proposals" in get_arm(wildcards.arm).rules else {}


def hidden_labels(wildcards):
    """Inputs: the weak labels behind an arm's pseudo masks, points or boxes, and the way to their hidden masks."""
    product = hidden_masks_of(wildcards.arm)
    names = {"points": ("weak.json", "hidden_ids.csv"), "box_points": ("box_points.json", "box_hidden_ids.csv")}
    weak, hidden_ids = names[product.stage]
    return {"weak": path_of(product, weak, wildcards), "hidden_ids": path_of(product, hidden_ids, wildcards)}


def refinement_options(wildcards, input):
    """Params, not recorded: the options for `refinement`."""
    found = input.get("crops")
    return f"--crops {store_of(found)} --refiner {input.refiner}" if found else ""


rule pseudo:
    input:
        unpack(refinement),
        full=of("split", "full.json"),
        weak=of("points", "weak.json"),
        proposals=weak_proposals_of,
    output:
        pseudo=f"{RUN}/pseudo/{{arm}}.json",
        manifest=f"{RUN}/pseudo/{{arm}}.json.manifest.json",
    wildcard_constraints:
        arm=any_of(arms_with("rough", "refined")),
    threads: STUDY.threads
    params:
        settings=settings_of("pseudo"),
        code=code_of("pseudo"),
        refinement=refinement_options,
    message:
        f"Training set of {{wildcards.arm}}, {AT}"
    shell:
        "python -m wssis pseudo --full {input.full} --weak {input.weak} --proposals {input.proposals}"
        " {params.refinement} --out {output.pseudo} --settings {params.settings:q}"


rule score_thresholds:
    input:
        full=of("split", "full.json"),
        predictors=lambda wildcards: list(fold_teachers(resolved("score_thresholds", wildcards).folds, wildcards).values()),
        images=f"{DATASET}/images.csv",
    output:
        thresholds=f"{RUN}/arms/{{arm}}/thresholds.csv",
        manifest=f"{RUN}/arms/{{arm}}/thresholds.csv.manifest.json",
    threads: STUDY.threads
    params:
        settings=settings_of("score_thresholds"),
        code=code_of("score_thresholds"),
        predictors=lambda wildcards, input: [f"--predictor {n}={p}" for n, p in fold_teachers(resolved("score_thresholds", wildcards).folds, wildcards).items()],
        image_dir=image_dir("train"),
    message:
        f"How sure the teacher must be for {{wildcards.arm}}, {AT}"
    shell:
        "python -m wssis score-thresholds --full {input.full} {params.predictors} --images-table {input.images}"
        " --image-dir {params.image_dir:q} --out {output.thresholds} --settings {params.settings:q}"


rule confident_labels:
    input:
        full=of("split", "full.json"),
        split=of("split", "split.csv"),
        thresholds=of("score_thresholds", "arms/{arm}/thresholds.csv"),
        teacher=of("teacher", "teacher/model.safetensors"),
        images=f"{DATASET}/images.csv",
    output:
        pseudo=f"{RUN}/pseudo/{{arm}}.json",
        manifest=f"{RUN}/pseudo/{{arm}}.json.manifest.json",
    wildcard_constraints:
        arm=any_of(arms_with("confident")),
    threads: STUDY.threads
    params:
        settings=settings_of("confident_labels"),
        code=code_of("confident_labels"),
        image_dir=image_dir("train"),
    message:
        f"Training set of {{wildcards.arm}}, {AT}"
    shell:
        "python -m wssis confident-labels --full {input.full} --split {input.split} --thresholds {input.thresholds}"
        " --teacher {input.teacher} --images-table {input.images} --image-dir {params.image_dir:q}"
        " --out {output.pseudo} --settings {params.settings:q}"


rule oracle_mask:
    input:
        train=f"{DATASET}/train.json",
        hidden_ids=of("points", "hidden_ids.csv"),
        full=of("split", "full.json"),
        weak=of("points", "weak.json"),
    output:
        pseudo=f"{RUN}/pseudo/{{arm}}.json",
        manifest=f"{RUN}/pseudo/{{arm}}.json.manifest.json",
    wildcard_constraints:
        arm=any_of(arms_with("hidden")),
    params:
        settings=settings_of("oracle_mask"),
        code=code_of("oracle_mask"),
    message:
        f"Training set of {{wildcards.arm}}, {AT}"
    shell:
        "python -m wssis oracle-mask --train {input.train} --full {input.full} --weak {input.weak}"
        " --hidden-ids {input.hidden_ids} --out {output.pseudo} --settings {params.settings:q}"


rule pseudo_quality:
    input:
        unpack(measured_proposals),
        unpack(hidden_labels),
        train=f"{DATASET}/train.json",
        pseudo=training_set_of,
    output:
        table=f"{RUN}/quality/{{arm}}.csv",
        shown=f"{RUN}/quality/{{arm}}.shown.json",
        manifest=f"{RUN}/quality/{{arm}}.csv.manifest.json",
    wildcard_constraints:
        mix=HIDING_MIXES,
    params:
        settings=settings_of("quality"),
        code=code_of("quality"),
        proposals=lambda wildcards, input: f"--proposals {input.proposals}" if input.get("proposals") else "",
    message:
        f"Pseudo masks of {{wildcards.arm}} against hidden truth, {AT}"
    shell:
        "python -m wssis pseudo-quality --train {input.train} --weak {input.weak} --hidden-ids {input.hidden_ids}"
        " {params.proposals} --pseudo {input.pseudo} --out {output.table} --shown {output.shown}"
        " --settings {params.settings:q}"
