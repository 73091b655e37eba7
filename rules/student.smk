"""student: the same segmentor, on each arm's training set."""


rule train_student:
    input:
        unpack(boxes_of),
        training_set=training_set_of,
        images=f"{DATASET}/images.csv",
        weights=given_weights("student"),
    output:
        model=f"{RUN}/students/{{arm}}/model.safetensors",
        metrics=f"{RUN}/students/{{arm}}/metrics.jsonl",
        manifest=f"{RUN}/students/{{arm}}/manifest.json",
    wildcard_constraints:
        arm=any_of(arms_trained_by("student")),
    threads: STUDY.threads
    params:
        settings=settings_of("student"),
        code=code_of("student"),
        launch=launch,
        workers=workers,
        tensorboard=tensorboard,
        image_dir=image_dir("train"),
        # Not recorded, as it asks for `input`, which is.
        boxes=lambda wildcards, input: f"--box-points {input.box_points}" if input.get("box_points") else "",
        out=folder_of(),
    message:
        f"Student of {{wildcards.arm}}, {AT}"
    shell:
        "{params.launch} train-student --training-set {input.training_set} {params.boxes} --images-table {input.images}"
        " --image-dir {params.image_dir:q} --state-root results/.state --out {params.out} --workers {params.workers}"
        " {params.tensorboard} --settings {params.settings:q}"
