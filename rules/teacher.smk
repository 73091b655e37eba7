"""teacher: a segmentor on the images with masks, and the fold teachers that have not seen some of them."""


rule train_teacher:
    input:
        full=of("split", "full.json"),
        images=f"{DATASET}/images.csv",
        weights=given_weights("teacher"),
    output:
        model=f"{RUN}/teacher/model.safetensors",
        snapshots=[f"{RUN}/teacher/snapshot1.safetensors", f"{RUN}/teacher/snapshot2.safetensors"],
        metrics=f"{RUN}/teacher/metrics.jsonl",
        manifest=f"{RUN}/teacher/manifest.json",
    threads: STUDY.threads
    priority: AHEAD
    params:
        settings=settings_of("teacher"),
        code=code_of("teacher"),
        launch=launch,
        workers=workers,
        tensorboard=tensorboard,
        image_dir=image_dir("train"),
        out=folder_of(),
    message:
        f"Teacher of {AT}"
    shell:
        "{params.launch} train-teacher --full {input.full} --images-table {input.images}"
        " --image-dir {params.image_dir:q} --state-root results/.state --out {params.out} --workers {params.workers}"
        " {params.tensorboard} --settings {params.settings:q}"


rule train_fold:
    input:
        full=of("split", "full.json"),
        images=f"{DATASET}/images.csv",
        weights=given_weights("fold"),
    output:
        model=f"{RUN}/folds/{{fold}}/model.safetensors",
        metrics=f"{RUN}/folds/{{fold}}/metrics.jsonl",
        manifest=f"{RUN}/folds/{{fold}}/manifest.json",
    threads: STUDY.threads
    priority: AHEAD
    params:
        settings=settings_of("fold"),
        code=code_of("fold"),
        launch=launch,
        workers=workers,
        tensorboard=tensorboard,
        image_dir=image_dir("train"),
        out=folder_of(),
    message:
        f"Fold teacher {{wildcards.fold}} of {AT}"
    shell:
        "{params.launch} train-fold --full {input.full} --images-table {input.images}"
        " --image-dir {params.image_dir:q} --state-root results/.state --out {params.out} --workers {params.workers}"
        " {params.tensorboard} --settings {params.settings:q}"
