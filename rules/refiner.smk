"""refiner: MaskRefineNet on the crops of the full images."""


rule train_refiner:
    input:
        crops=of("crops", "{round}crops/full.zarr.manifest.json", side="full"),
        weights=given_weights("refiner"),
    output:
        model=f"{RUN}/{{round}}refiner/model.safetensors",
        metrics=f"{RUN}/{{round}}refiner/metrics.jsonl",
        manifest=f"{RUN}/{{round}}refiner/manifest.json",
    threads: STUDY.threads
    priority: AHEAD
    params:
        settings=settings_of("refiner"),
        code=code_of("refiner"),
        launch=launch,
        workers=workers,
        tensorboard=tensorboard,
        store=lambda wildcards, input: store_of(input.crops),
        out=folder_of(),
    message:
        f"Refiner of {AT}"
    shell:
        "{params.launch} train-refiner --crops {params.store} --state-root results/.state --out {params.out}"
        " --workers {params.workers} {params.tensorboard} --settings {params.settings:q}"
