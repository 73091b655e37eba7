"""crops: one window per proposal, as tensors. Zarr stores; whoever reads one depends on its manifest."""


rule crops:
    input:
        proposals=of("proposals", "proposals/{side}.json"),
        full=of("split", "full.json"),
        images=f"{DATASET}/images.csv",
    output:
        store=directory(f"{RUN}/crops/{{side}}.zarr"),
        manifest=f"{RUN}/crops/{{side}}.zarr.manifest.json",
    priority: AHEAD
    params:
        settings=settings_of("crops"),
        code=code_of("crops"),
        targets=lambda wildcards, input: f"--targets {input.full}" if wildcards.side == "full" else "",
        workers=workers,
        image_dir=image_dir("train"),
    message:
        f"Crops of the {{wildcards.side}} images of {AT}"
    shell:
        "python -m wssis crops --proposals {input.proposals} --median-boxes-from {input.full} {params.targets}"
        " --image-dir {params.image_dir:q} --images-table {input.images} --out {output.store}"
        " --workers {params.workers} --settings {params.settings:q}"
