"""prepare: the data set, checked; or the embedded one, drawn. Every image's size and sha256. What is worth a look."""


def given_annotations(subset):
    """Input: the annotation file; nothing while it is missing, which the dry run says in a line of its own."""

    def find(wildcards):
        path = getattr(STUDY.datasets[wildcards.dataset], f"{subset}_annotations")
        return [path] if os.path.exists(path) or is_prepared(STUDY, wildcards.dataset) else []

    return find


def split_folders(wildcards):
    """The folders of the data set's runs that have a split of their own."""
    return list(dict.fromkeys(row.folder("split") for row in PLAN if row.dataset == wildcards.dataset))


def splits_of_data_set(wildcards):
    """Input: which images have masks, and which masks, in every run of the data set; and the clicks of people."""
    labels = [f"{folder}/{name}" for folder in split_folders(wildcards) for name in ("split.csv", "full.json")]
    return labels + [f"{folder}/weak.json" for folder in clicked_folders(wildcards)]


def clicked_folders(wildcards):
    """The folders of those runs whose arms use points that people clicked."""
    if STUDY.datasets[wildcards.dataset].kind != "half-labelled":
        return []
    rows = (row for row in PLAN if row.dataset == wildcards.dataset and row.arm in arms())
    return list(dict.fromkeys(row.folder("points") for row in rows if "points" in get_arm(row.arm).rules))


rule prepare:
    input:
        train=given_annotations("train"),
        val=given_annotations("val"),
    output:
        train=f"{DATASET}/train.json",
        val=f"{DATASET}/val.json",
        manifest=f"{DATASET}/prepare.manifest.json",
    wildcard_constraints:
        dataset=any_of(data_sets("coco")),
    params:
        settings=settings_of("prepare"),
        code=code_of("prepare"),
        roles=roles_of,
        train_images=image_dir("train"),
        val_images=image_dir("val"),
        workers=workers,
        out=folder_of(),
    message:
        "Check the annotations of {wildcards.dataset}"
    shell:
        "python -m wssis prepare --train-annotations {input.train:q} --val-annotations {input.val:q}"
        " --train-images {params.train_images:q} --val-images {params.val_images:q} --workers {params.workers}"
        " --out {params.out} --settings {params.settings:q}"


rule generate:
    output:
        train=f"{DATASET}/train.json",
        val=f"{DATASET}/val.json",
        train_images=directory(f"{DATASET}/images/train"),
        val_images=directory(f"{DATASET}/images/val"),
        manifest=f"{DATASET}/prepare.manifest.json",
    wildcard_constraints:
        dataset=any_of(data_sets("shapes")),
    params:
        settings=settings_of("generate"),
        code=code_of("generate"),
        out=folder_of(),
    message:
        "Draw the data set {wildcards.dataset}"
    shell:
        "python -m wssis generate --out {params.out} --settings {params.settings:q}"


rule check_images:
    input:
        train=f"{DATASET}/train.json",
        val=f"{DATASET}/val.json",
    output:
        table=f"{DATASET}/images.csv",
        facts=f"{DATASET}/image_facts.csv",
        manifest=f"{DATASET}/images.csv.manifest.json",
    params:
        settings=settings_of("check_images"),
        code=code_of("check_images"),
        train_images=image_dir("train"),
        val_images=image_dir("val"),
        workers=workers,
    message:
        "Open and hash every image of {wildcards.dataset}"
    shell:
        "python -m wssis check-images --train {input.train} --val {input.val} --train-images {params.train_images:q}"
        " --val-images {params.val_images:q} --out {output.table} --workers {params.workers}"
        " --settings {params.settings:q}"


rule data_warnings:
    input:
        splits_of_data_set,
        val=f"{DATASET}/val.json",
        images=f"{DATASET}/images.csv",
        facts=f"{DATASET}/image_facts.csv",
    output:
        warnings=f"{DATASET}/data_warnings.json",
        manifest=f"{DATASET}/data_warnings.json.manifest.json",
    priority: AHEAD
    params:
        settings=settings_of("data_warnings"),
        code=code_of("data_warnings"),
        splits=lambda wildcards, output: [
            *(f"--split {folder}" for folder in split_folders(wildcards)),
            *(f"--clicked {folder}" for folder in clicked_folders(wildcards)),
        ],
    message:
        "What is worth a look in {wildcards.dataset}"
    shell:
        "python -m wssis data-warnings --val {input.val} --images-table {input.images} --image-facts {input.facts}"
        " {params.splits} --out {output.warnings} --settings {params.settings:q}"
