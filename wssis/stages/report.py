"""Stage report: the study's answer as one page, a gallery, and beside them all tables and the AP-over-cost curves.

`plan` is JSON: {"study": NAME, "arms": [{name, title, explanation, pays, pseudo}, ...], "rows": [{dataset, mix,
full_percent, seed, variant, arm, run, scores, quality, shown, homes}, ...]}, one row per student and teacher (arm
"teacher"), the oracle's in mix 100pct; arms in the order of the tables. `wssis.report_page.plan` says what is read
beside these paths; of the data set, val.json, data_warnings.json and the manifests of prepare and check-images in
{results}/{dataset}/.
"""

from collections.abc import Mapping
from pathlib import Path

from wssis.config.report import ReportSettings
from wssis.formats.atomic import temporary_folder, write_text
from wssis.formats.manifest import StageRun
from wssis.formats.scores import write_score_table
from wssis.report_page.ap_samples import sample_networks
from wssis.report_page.compare import compare_all
from wssis.report_page.curves import CURVES, StudyCurves, collect_curves, write_curves
from wssis.report_page.given import with_shares
from wssis.report_page.inputs import report_inputs
from wssis.report_page.page import Story, render
from wssis.report_page.plan import read_plan
from wssis.report_page.results import group_results, load_results
from wssis.report_page.tables import FOLDER, are_tables, write_tables


def run(
    settings: ReportSettings, plan: str, results: Path, image_dirs: Mapping[str, Path], out: Path, workers: int = 0
) -> None:
    """Write out/index.html, gallery.html, scores.csv, curves.json, tables/ (each as CSV and LaTeX) and manifest.json.

    Args:
        settings: title, number of resamples and of images in the gallery, seconds of each labelling action.
        plan: the study as JSON, see above.
        results: folder of the study, results/{study}.
        image_dirs: data set -> folder of its training images.
        out: folder to write to.
        workers: processes that share the resampling; the result does not depend on it.

    Raises:
        InputError: the plan is not understood, or a file it names is missing.
    """
    study = with_shares(read_plan(plan))
    with StageRun("report", out / "manifest.json", settings, report_inputs(study, results)) as stage:
        networks = load_results(study, settings.cost)
        groups = group_results(study, networks)
        samples = sample_networks(networks, results, settings.bootstrap, workers)
        curves = collect_curves(groups, samples)
        comparisons = compare_all(groups, samples)
        pages = render(Story(settings, study, groups, comparisons, curves, samples, results, image_dirs))
        with temporary_folder(out / FOLDER, are_tables) as folder:
            write_tables(folder, pages.tables)
        write_score_table(out / "scores.csv", [network.table_row(study.study) for network in networks])
        known = settings.cost.categories_known
        write_curves(out / CURVES, StudyCurves(study=study.study, categories_known=known, curves=curves))
        write_text(out / "gallery.html", pages.gallery)
        write_text(out / "index.html", pages.index)
        stage.output(*(out / name for name in ("index.html", "gallery.html", "scores.csv", CURVES, FOLDER)))
        stage.counts |= {"networks": len(networks), "groups": len(groups), "tables": len(pages.tables)}
