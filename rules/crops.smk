"""crops: one window per proposal, as tensors. Zarr stores; whoever reads one depends on its manifest."""


def crops_to_keep(store):
    """Output: the store of the weak crops, temporary where the study says so; its manifest stays."""
    return temp(directory(store)) if STUDY.crops.temporary else directory(store)


rule crops_full:
    input:
        proposals=of("proposals", "{round}proposals/full.json", side="full"),
        full=of("split", "full.json"),
        images=f"{DATASET}/images.csv",
    output:
        store=directory(f"{RUN}/{{round}}crops/full.zarr"),
        manifest=f"{RUN}/{{round}}crops/full.zarr.manifest.json",
    priority: AHEAD
    params:
        settings=settings_of("crops"),
        code=code_of("crops"),
        workers=workers,
        image_dir=image_dir("train"),
    message:
        f"Crops of the full images of {AT}"
    shell:
        "python -m wssis crops --proposals {input.proposals} --median-boxes-from {input.full} --targets {input.full}"
        " --image-dir {params.image_dir:q} --images-table {input.images} --out {output.store}"
        " --workers {params.workers} --settings {params.settings:q}"


rule crops_weak:
    input:
        proposals=of("proposals", "{round}proposals/weak.json", side="weak"),
        full=of("split", "full.json"),
        images=f"{DATASET}/images.csv",
    output:
        store=crops_to_keep(f"{RUN}/{{round}}crops/weak.zarr"),
        manifest=f"{RUN}/{{round}}crops/weak.zarr.manifest.json",
    priority: AHEAD
    params:
        settings=settings_of("crops"),
        code=code_of("crops"),
        workers=workers,
        image_dir=image_dir("train"),
        # Not recorded, as it asks for `output`: whether a store stays is no reason to make it again.
        retained=lambda wildcards, output: "--temporary" if STUDY.crops.temporary else "",
    message:
        f"Crops of the weak images of {AT}"
    shell:
        "python -m wssis crops --proposals {input.proposals} --median-boxes-from {input.full} {params.retained}"
        " --image-dir {params.image_dir:q} --images-table {input.images} --out {output.store}"
        " --workers {params.workers} --settings {params.settings:q}"
