"""split: which images have masks; from here on, a mix and a seed."""


def given_full_ids(wildcards):
    """Input: the file of image ids with masks, where the split is given by files."""
    settings = resolved("split", wildcards)
    path = settings.full_ids if settings.method == "files" else None
    return [path] if path and os.path.exists(path) else []


rule split:
    input:
        train=f"{DATASET}/train.json",
        full_ids=given_full_ids,
    output:
        split=f"{RUN}/split.csv",
        full=f"{RUN}/full.json",
        unlabelled=f"{RUN}/unlabelled.json",
        manifest=f"{RUN}/split.manifest.json",
    wildcard_constraints:
        mix=HIDING_MIXES,
    params:
        settings=settings_of("split"),
        code=code_of("split"),
        out=folder_of(),
    message:
        f"Split {AT}"
    shell:
        "python -m wssis split --train {input.train} --out {params.out} --settings {params.settings:q}"
