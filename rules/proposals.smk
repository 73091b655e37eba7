"""proposals: dense predictions, filtered by the points. On full images out of fold, to make the refiner's pairs.

The wildcard `round` is empty, or the folder of the arm whose second round it is.
"""


def pair_predictors(wildcards):
    """Checkpoints by name that predict the full images: fold teachers, the teacher's snapshots, a student, or none."""
    settings = resolved("proposals", wildcards, side="full")
    match settings.pairs:
        case "crossfit":
            return fold_teachers(settings.folds, wildcards)
        case "snapshots":
            return {f"snapshot{n}": of("teacher", f"teacher/snapshot{n}.safetensors")(wildcards) for n in (1, 2)}
        case "student":
            return {"student": weak_predictor(wildcards)}
        case "corrupt":
            return {}


def weak_predictor(wildcards):
    """Input: the teacher, or in a second round the student that takes its place."""
    arm = product_of("proposals", wildcards).arm
    return model_of(None if arm is None else get_arm(arm).teacher, wildcards)


rule propose_full:
    input:
        annotations=of("split", "full.json"),
        full_points=of("points", "full_points.csv"),
        predictors=lambda wildcards: list(pair_predictors(wildcards).values()),
        images=f"{DATASET}/images.csv",
    output:
        proposals=f"{RUN}/{{round}}proposals/full.json",
        ledger=f"{RUN}/{{round}}proposals/full.csv",
        manifest=f"{RUN}/{{round}}proposals/full.json.manifest.json",
    threads: STUDY.threads
    priority: AHEAD
    params:
        settings=lambda wildcards: settings_json(resolved("proposals", wildcards, side="full")),
        code=code_of("proposals"),
        predictors=lambda wildcards, input: [f"--predictor {n}={p}" for n, p in pair_predictors(wildcards).items()],
        image_dir=image_dir("train"),
    message:
        f"Proposals on the full images of {AT}"
    shell:
        "python -m wssis propose --side full --annotations {input.annotations} --full-points {input.full_points}"
        " {params.predictors} --images-table {input.images} --image-dir {params.image_dir:q}"
        " --out {output.proposals} --ledger {output.ledger} --settings {params.settings:q}"


rule propose_weak:
    input:
        annotations=of("points", "weak.json"),
        teacher=weak_predictor,
        images=f"{DATASET}/images.csv",
    output:
        proposals=f"{RUN}/{{round}}proposals/weak.json",
        ledger=f"{RUN}/{{round}}proposals/weak.csv",
        manifest=f"{RUN}/{{round}}proposals/weak.json.manifest.json",
    threads: STUDY.threads
    priority: AHEAD
    params:
        settings=lambda wildcards: settings_json(resolved("proposals", wildcards, side="weak")),
        code=code_of("proposals"),
        image_dir=image_dir("train"),
    message:
        f"Proposals on the weak images of {AT}"
    shell:
        "python -m wssis propose --side weak --annotations {input.annotations} --predictor teacher={input.teacher}"
        " --images-table {input.images} --image-dir {params.image_dir:q} --out {output.proposals}"
        " --ledger {output.ledger} --settings {params.settings:q}"
