"""report: the answer, on one page, with a gallery and all tables beside it."""

# `report(...)` marks what `snakemake --report` shows of a finished study. The marks are no trigger: they rerun nothing.

DATA_FILES = ("val.json", "prepare.manifest.json", "images.csv.manifest.json", "data_warnings.json")


def report_inputs(wildcards):
    """Input: everything the page is made of; train.json is not."""
    names = []
    for row in PLAN:
        names += [f"{os.path.dirname(row.scores)}/{name}" for name in ("scores.json", "detections.json")]
        names += [f"{row.network}/{name}" for name in ("manifest.json", "metrics.jsonl")]
        names += [f"{row.folder('split')}/{name}" for name in ("full.json", "split.manifest.json")]
        if row.arm in arms() and "points10" in get_arm(row.arm).pays:
            names += about_boxes(row)
        if row.shown is not None:
            names += about_pseudo_masks(row)
    for name in STUDY.run.datasets:
        folder = data_set_folder(STUDY, name)
        names += [f"{folder}/{file}" for file in DATA_FILES]
    return list(dict.fromkeys(names))


def about_boxes(row):
    """The files behind boxes with points and, measured or not, behind the masks predicted in them."""
    names = [f"{row.folder('box_points')}/{name}" for name in ("box_points.json", "box_points.manifest.json")]
    made = get_arm(row.arm).pseudo == "boxed"
    return [*names, f"{row.folder('pseudo')}/pseudo/{row.arm}.json.manifest.json"] if made else names


def about_pseudo_masks(row):
    """The files behind the pseudo masks of one arm's row: counts, quality, pictures."""
    rules = get_arm(row.arm).rules
    parts = {"pseudo": [f"pseudo/{row.arm}.json.manifest.json"]}
    if hidden_masks_of(row.arm) == Product("points"):
        parts["points"] = ["weak.json", "points.manifest.json"]
    if "proposals" in rules:
        parts["proposals/weak"] = ["proposals/weak.json.manifest.json"]
    if "refiner" in rules:
        parts["proposals/full"] = ["proposals/full.json.manifest.json"]
        parts["crops/weak"] = ["crops/weak.zarr.manifest.json"]
        parts["refiner"] = ["refiner/manifest.json", "refiner/metrics.jsonl"]
        if (refiner := STUDY.of_variant(row.variant).refiner).pairs == "crossfit":
            parts["folds"] = [f"folds/{k}/metrics.jsonl" for k in range(refiner.folds)]
    parts["predict_shown"] = [f"quality/{row.arm}.predictions.json"]
    measured = [row.shown, f"{row.shown}.manifest.json"]
    if row.quality is not None:
        measured = [row.quality, f"{row.quality}.manifest.json", row.shown]
    found = [f"{row.folder(part)}/{name}" for part, names in parts.items() for name in names]
    return [*measured, *found]


rule report:
    input:
        report_inputs,
    output:
        page=report(f"{RESULTS}/report/index.html", category="The answer", caption="captions/page.rst"),
        gallery=report(f"{RESULTS}/report/gallery.html", category="The answer", caption="captions/gallery.rst"),
        scores=report(f"{RESULTS}/report/scores.csv", category="Tables", caption="captions/scores.rst"),
        curves=f"{RESULTS}/report/curves.json",
        tables=report(
            directory(f"{RESULTS}/report/tables"),
            patterns=["{table}.csv"],
            category="Tables",
            caption="captions/table.rst",
        ),
        manifest=f"{RESULTS}/report/manifest.json",
    params:
        settings=settings_of("report"),
        code=code_of("report"),
        plan=lambda wildcards: plan_json(STUDY),
        results=RESULTS,
        image_dirs=lambda wildcards, output: [
            f"--image-dir '{name}={image_folder(STUDY, name, 'train')}'" for name in STUDY.run.datasets
        ],
        out=folder_of(),
        workers=lambda wildcards, threads: threads,
    message:
        "The report"
    shell:
        # On standard input: the plan of a large study is longer than an argument may be (128 KiB on Linux).
        "python -m wssis report --plan - --results {params.results} {params.image_dirs}"
        " --out {params.out} --workers {params.workers} --settings {params.settings:q} <<'PLAN'\n{params.plan}\nPLAN"
