"""box_student: Mask R-CNN on masks and on boxes with points; and the masks it predicts in given boxes."""


rule train_box_student:
    input:
        unpack(boxes_of),
        full=of("split", "full.json"),
        images=f"{DATASET}/images.csv",
        weights=given_weights("box_student"),
    output:
        model=f"{RUN}/students/{{arm}}/model.safetensors",
        metrics=f"{RUN}/students/{{arm}}/metrics.jsonl",
        manifest=f"{RUN}/students/{{arm}}/manifest.json",
    wildcard_constraints:
        arm=any_of(arms_trained_by("box_student")),
    threads: STUDY.threads
    params:
        settings=settings_of("box_student"),
        code=code_of("box_student"),
        launch=launch,
        workers=workers,
        tensorboard=tensorboard,
        image_dir=image_dir("train"),
        # Not recorded, as they ask for `input`, which is: where an arm has only one kind of label.
        full=lambda wildcards, input: "none" if full_percent(STUDY, wildcards.mix) == 0 else input.full,
        box_points=lambda wildcards, input: input.get("box_points", "none"),
        out=folder_of(),
    message:
        f"Student of {{wildcards.arm}}, {AT}"
    shell:
        "{params.launch} train-box-student --full {params.full} --box-points {params.box_points}"
        " --images-table {input.images} --image-dir {params.image_dir:q} --state-root results/.state"
        " --out {params.out} --workers {params.workers} {params.tensorboard} --settings {params.settings:q}"


rule box_pseudo:
    input:
        full=of("split", "full.json"),
        box_points=of("box_points", "box_points.json"),
        model=lambda wildcards: model_of(get_arm(wildcards.arm).teacher, wildcards),
        images=f"{DATASET}/images.csv",
    output:
        pseudo=f"{RUN}/pseudo/{{arm}}.json",
        manifest=f"{RUN}/pseudo/{{arm}}.json.manifest.json",
    wildcard_constraints:
        arm=any_of(arms_with("boxed")),
    threads: STUDY.threads
    params:
        settings=settings_of("box_pseudo"),
        code=code_of("box_pseudo"),
        image_dir=image_dir("train"),
    message:
        f"Training set of {{wildcards.arm}}, {AT}"
    shell:
        "python -m wssis box-pseudo --full {input.full} --box-points {input.box_points} --model {input.model}"
        " --images-table {input.images} --image-dir {params.image_dir:q} --out {output.pseudo}"
        " --settings {params.settings:q}"
