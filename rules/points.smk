"""points: one simulated point per object; the last stage that sees the masks of weak images."""


rule points:
    input:
        train=f"{DATASET}/train.json",
        split=of("split", "split.csv"),
        full=of("split", "full.json"),
    output:
        full_points=f"{RUN}/full_points.csv",
        weak=f"{RUN}/weak.json",
        hidden_ids=f"{RUN}/hidden_ids.csv",
        manifest=f"{RUN}/points.manifest.json",
    wildcard_constraints:
        mix=HIDING_MIXES,
    params:
        settings=settings_of("points"),
        code=code_of("points"),
        workers=workers,
        out=folder_of(),
    message:
        f"Points for {AT}"
    shell:
        "python -m wssis points --train {input.train} --split {input.split} --full {input.full} --out {params.out}"
        " --workers {params.workers} --settings {params.settings:q}"
