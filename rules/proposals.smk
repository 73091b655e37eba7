"""proposals: dense predictions, filtered by the points. On full images out of fold, to make the refiner's pairs."""


def pair_predictors(wildcards):
    """Checkpoints by name that predict the full images: fold teachers, the teacher's snapshots, or none."""
    settings = resolved("proposals", wildcards, side="full")
    if settings.pairs == "corrupt":
        return {}
    if settings.pairs == "snapshots":
        return {f"snapshot{n}": of("teacher", f"teacher/snapshot{n}.safetensors")(wildcards) for n in (1, 2)}
    return {f"fold{k}": of("fold", f"folds/{k}/model.safetensors")(wildcards) for k in range(settings.folds)}


rule propose_full:
    input:
        annotations=of("split", "full.json"),
        full_points=of("points", "full_points.csv"),
        predictors=lambda wildcards: list(pair_predictors(wildcards).values()),
        images=f"{DATASET}/images.csv",
    output:
        proposals=f"{RUN}/proposals/full.json",
        ledger=f"{RUN}/proposals/full.csv",
        manifest=f"{RUN}/proposals/full.json.manifest.json",
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
        teacher=of("teacher", "teacher/model.safetensors"),
        images=f"{DATASET}/images.csv",
    output:
        proposals=f"{RUN}/proposals/weak.json",
        ledger=f"{RUN}/proposals/weak.csv",
        manifest=f"{RUN}/proposals/weak.json.manifest.json",
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
