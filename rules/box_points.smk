"""box_points: a box and labelled points per object; the last stage that sees the masks of the images it labels."""


def given_boxes(wildcards):
    """Input: the file of real boxes and points, where the settings name one that is there."""
    path = resolved("box_points", wildcards).file
    return [path] if path and os.path.exists(path) else []


rule box_points:
    input:
        train=f"{DATASET}/train.json",
        split=of("split", "split.csv"),
        given=given_boxes,
    output:
        box_points=f"{RUN}/box_points.json",
        hidden_ids=f"{RUN}/box_hidden_ids.csv",
        manifest=f"{RUN}/box_points.manifest.json",
    params:
        settings=settings_of("box_points"),
        code=code_of("box_points"),
        out=folder_of(),
    message:
        f"Boxes with points for {AT}"
    shell:
        "python -m wssis box-points --train {input.train} --split {input.split} --out {params.out}"
        " --settings {params.settings:q}"
