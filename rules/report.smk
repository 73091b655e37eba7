"""report: the answer, on one page."""


def report_inputs(wildcards):
    """Input: everything the page is made of; train.json is not."""
    names = []
    for row in PLAN:
        network = os.path.dirname(row.scores)
        names += [f"{network}/{name}" for name in ("scores.json", "detections.json", "manifest.json", "metrics.jsonl")]
        names += [f"{row.run}/full.json", f"{row.run}/split.manifest.json"]
        if row.quality is not None:
            names += about_pseudo_masks(row)
    for name in STUDY.run.datasets:
        folder = data_set_folder(STUDY, name)
        names += [f"{folder}/{file}" for file in ("val.json", "prepare.manifest.json", "images.csv.manifest.json")]
    return list(dict.fromkeys(names))


def about_pseudo_masks(row):
    """The files behind the pseudo masks of one arm's row: counts, ledgers, quality, pictures."""
    stem, rules = row.quality.removesuffix(".csv"), get_arm(row.arm).rules
    names = ["weak.json", "points.manifest.json", f"pseudo/{row.arm}.json.manifest.json"]
    if "proposals" in rules:
        names += ["proposals/weak.csv", "proposals/weak.json.manifest.json"]
    if "refiner" in rules:
        names += ["proposals/full.json.manifest.json", "crops/weak.zarr.manifest.json", "refiner/manifest.json"]
    beside = [f"{stem}.shown.json", f"{stem}.predictions.json"]
    return [row.quality, f"{row.quality}.manifest.json", *beside, *(f"{row.run}/{name}" for name in names)]


rule report:
    input:
        report_inputs,
    output:
        page=f"{RESULTS}/report/index.html",
        scores=f"{RESULTS}/report/scores.csv",
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
    message:
        "The report"
    shell:
        "python -m wssis report --plan {params.plan:q} --results {params.results} {params.image_dirs}"
        " --out {params.out} --settings {params.settings:q}"
