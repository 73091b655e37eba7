"""given: half-labelled data sets. The stages that elsewhere hide masks, or look at hidden ones, without any to hide."""


def half_labelled_file(key):
    """Input: one of the data set's files; nothing where there is none, or while it is missing."""

    def find(wildcards):
        path = getattr(STUDY.datasets[wildcards.dataset], key)
        there = path is not None and (os.path.exists(path) or is_prepared(STUDY, wildcards.dataset))
        return [path] if there else []

    return find


def optional_files(wildcards, input):
    """Params, not recorded: options for the image folders, and for the files that such a data set may do without."""
    given = STUDY.datasets[wildcards.dataset]
    found = {"full-images": given.full_images, "weak-images": given.weak_images}
    for option, paths in (("unlabelled", input.unlabelled), ("val", input.val)):
        if paths:
            found |= {option: paths, f"{option}-images": getattr(given, f"{option}_images")}
    return [word for option, path in found.items() for word in (f"--{option}", str(path))]


def pairs_out_of_fold(wildcards):
    """Inputs: true masks and rough masks on full images, where the rough ones were made out of fold."""
    pairs = LINEAGE.pairs_out_of_fold(wildcards.arm, wildcards.variant)
    if not pairs:
        return {}
    return {
        "full": path_of(Product("split"), "full.json", wildcards),
        "pairs": path_of(pairs[0], "proposals/full.json", wildcards),
    }


rule take_given:
    input:
        full=half_labelled_file("full_annotations"),
        weak=half_labelled_file("weak_annotations"),
        unlabelled=half_labelled_file("unlabelled"),
        val=half_labelled_file("val_annotations"),
    output:
        train=f"{DATASET}/train.json",
        val=f"{DATASET}/val.json",
        given=f"{DATASET}/given.csv",
        manifest=f"{DATASET}/prepare.manifest.json",
    wildcard_constraints:
        dataset=any_of(data_sets("half-labelled")),
    params:
        settings=settings_of("take_given"),
        code=code_of("take_given"),
        roles=roles_of,
        optional=optional_files,
        workers=workers,
        out=folder_of(),
    message:
        "Check the half-labelled files of {wildcards.dataset}"
    shell:
        "python -m wssis take-given --full {input.full:q} --weak {input.weak:q} {params.optional:q}"
        " --workers {params.workers} --out {params.out} --settings {params.settings:q}"


rule split_given:
    input:
        train=f"{DATASET}/train.json",
        given=f"{DATASET}/given.csv",
    output:
        split=f"{RUN}/split.csv",
        full=f"{RUN}/full.json",
        unlabelled=f"{RUN}/unlabelled.json",
        manifest=f"{RUN}/split.manifest.json",
    wildcard_constraints:
        mix=GIVEN_MIX,
    params:
        settings=settings_of("split"),
        code=code_of("split_given"),
        out=folder_of(),
    message:
        f"The split of {AT}"
    shell:
        "python -m wssis split-given --train {input.train} --given {input.given} --out {params.out}"
        " --settings {params.settings:q}"


rule points_given:
    input:
        train=f"{DATASET}/train.json",
        split=of("split", "split.csv"),
        full=of("split", "full.json"),
    output:
        full_points=f"{RUN}/full_points.csv",
        weak=f"{RUN}/weak.json",
        manifest=f"{RUN}/points.manifest.json",
    wildcard_constraints:
        mix=GIVEN_MIX,
    params:
        settings=settings_of("points"),
        code=code_of("points_given"),
        workers=workers,
        out=folder_of(),
    message:
        f"Clicks, and points on the full images, of {AT}"
    shell:
        "python -m wssis points-given --train {input.train} --split {input.split} --full {input.full}"
        " --out {params.out} --workers {params.workers} --settings {params.settings:q}"


rule show_given:
    input:
        unpack(measured_proposals),
        unpack(pairs_out_of_fold),
        weak=of("points", "weak.json"),
        pseudo=training_set_of,
    output:
        shown=f"{RUN}/quality/{{arm}}.shown.json",
        manifest=f"{RUN}/quality/{{arm}}.shown.json.manifest.json",
    wildcard_constraints:
        mix=GIVEN_MIX,
    params:
        settings=settings_of("quality"),
        code=code_of("show_given"),
        optional=lambda wildcards, input: [
            word for name in ("proposals", "full", "pairs") if input.get(name) for word in (f"--{name}", input[name])
        ],
    message:
        f"What became of the clicks for {{wildcards.arm}}, {AT}"
    shell:
        "python -m wssis show-given --weak {input.weak} --pseudo {input.pseudo} {params.optional} --out {output.shown}"
        " --settings {params.settings:q}"
