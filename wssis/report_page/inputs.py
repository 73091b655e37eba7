"""Every file that the report reads, but for manifests and photographs, under a name that tells its place."""

from collections.abc import Iterator
from pathlib import Path

from wssis.report_page.cautions import fold_metrics
from wssis.report_page.gallery import shown_files
from wssis.report_page.plan import Plan, PlannedRow
from wssis.report_page.results import labels_file
from wssis.report_page.training import METRICS, refiner_folder


def report_inputs(plan: Plan, results: Path) -> dict[str, Path]:
    """Files by name: what they are, then the data set, or the run and what of it they are about.

    Raises:
        InputError: the manifest of a refiner's pairs is missing.
    """
    found: dict[str, Path] = {}
    for dataset in dict.fromkeys(row.dataset for row in plan.rows):
        found |= {f"{kind} {dataset}": results / dataset / f"{kind}.json" for kind in ("val", "data_warnings")}
    for row in plan.rows:
        run = f"{row.dataset}/{row.mix}/{row.seed}/{row.variant}"
        found |= {f"{kind} {run}": labels_file(row, kind) for kind in plan.arm(row.arm).pays}
        found |= {f"{kind} {run}/{row.arm}": path for kind, path in _of_network(row)}
        if plan.arm(row.arm).pseudo == "refined":
            found |= {f"metrics {run}/{network}": path for network, path in _of_refiner(row)}
    return found


def _of_network(row: PlannedRow) -> Iterator[tuple[str, Path]]:
    """Of one network, and of the pseudo masks it was trained on."""
    yield "scores", Path(row.scores)
    yield "detections", Path(row.scores).with_name("detections.json")
    yield "metrics", row.network / METRICS
    if row.quality is not None:
        yield "quality", Path(row.quality)
    if row.shown_file is not None:
        yield from zip(("shown", "predictions"), shown_files(row), strict=True)


def _of_refiner(row: PlannedRow) -> Iterator[tuple[str, Path]]:
    """Metrics of the refiner behind an arm's masks, and of the fold teachers behind its pairs."""
    yield "refiner", refiner_folder(row) / METRICS
    for k, path in fold_metrics(row):
        yield f"folds/{k}", path
