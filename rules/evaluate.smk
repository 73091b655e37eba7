"""evaluate: AP of students and teachers on the validation images, without prompts."""


rule evaluate:
    input:
        model=lambda wildcards: model_of(arm_of(wildcards.network), wildcards),
        val=f"{DATASET}/val.json",
        images=f"{DATASET}/images.csv",
    output:
        detections=f"{RUN}/{{network}}/detections.json",
        scores=f"{RUN}/{{network}}/scores.json",
        manifest=f"{RUN}/{{network}}/evaluate.manifest.json",
    threads: STUDY.threads
    params:
        settings=settings_of("evaluate"),
        code=code_of("evaluate"),
        image_dir=image_dir("val"),
        out=folder_of(),
    message:
        f"Evaluate {{wildcards.network}} of {AT}"
    shell:
        "python -m wssis evaluate --model {input.model} --val {input.val} --images-table {input.images}"
        " --image-dir {params.image_dir:q} --out {params.out} --settings {params.settings:q}"


rule predict_shown:
    input:
        model=lambda wildcards: model_of(wildcards.arm, wildcards),
        shown=of("quality", "quality/{arm}.shown.json"),
        images=f"{DATASET}/images.csv",
    output:
        predictions=f"{RUN}/quality/{{arm}}.predictions.json",
        manifest=f"{RUN}/quality/{{arm}}.predictions.json.manifest.json",
    params:
        settings=settings_of("predict_shown"),
        code=code_of("predict_shown"),
        image_dir=image_dir("train"),
    message:
        f"Predictions of {{wildcards.arm}} for the report's pictures, {AT}"
    shell:
        "python -m wssis predict-shown --model {input.model} --shown {input.shown} --images-table {input.images}"
        " --image-dir {params.image_dir:q} --out {output.predictions} --settings {params.settings:q}"
