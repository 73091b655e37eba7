"""pseudo: an arm's training set; and its masks against the hidden truth, for the report alone."""


def refinement(wildcards):
    """Input: what turns rough masks into refined ones; nothing for an arm that keeps them rough.

    The store is named beside its manifest so that a temporary one lives until it has been read. Its time says nothing:
    hence `ancient`. It is named in every study, so that making it temporary changes no rule's inputs.
    """
    if get_arm(wildcards.arm).pseudo != "refined":
        return {}
    return {
        "crops": of("crops", "crops/weak.zarr.manifest.json")(wildcards),
        "store": ancient(of("crops", "crops/weak.zarr")(wildcards)),
        "refiner": of("refiner", "refiner/model.safetensors")(wildcards),
    }


def refinement_options(wildcards, input):
    """Params, not recorded: the options for `refinement`."""
    found = input.get("crops")
    return f"--crops {store_of(found)} --refiner {input.refiner}" if found else ""


rule pseudo:
    input:
        unpack(refinement),
        full=of("split", "full.json"),
        weak=of("points", "weak.json"),
        proposals=of("proposals", "proposals/weak.json"),
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
        train=f"{DATASET}/train.json",
        hidden_ids=of("points", "hidden_ids.csv"),
        weak=of("points", "weak.json"),
        proposals=of("proposals", "proposals/weak.json"),
        pseudo=of("pseudo", "pseudo/{arm}.json"),
    output:
        table=f"{RUN}/quality/{{arm}}.csv",
        shown=f"{RUN}/quality/{{arm}}.shown.json",
        manifest=f"{RUN}/quality/{{arm}}.csv.manifest.json",
    params:
        settings=settings_of("quality"),
        code=code_of("quality"),
    message:
        f"Pseudo masks of {{wildcards.arm}} against hidden truth, {AT}"
    shell:
        "python -m wssis pseudo-quality --train {input.train} --weak {input.weak} --hidden-ids {input.hidden_ids}"
        " --proposals {input.proposals} --pseudo {input.pseudo} --out {output.table} --shown {output.shown}"
        " --settings {params.settings:q}"
