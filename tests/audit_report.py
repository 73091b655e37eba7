"""The report of the made-up study of `audit_fixtures`."""

import json
from pathlib import Path
from typing import Any

from wssis.arms.arm import payable
from wssis.arms.registry import get_arm
from wssis.config.label_cost import CostSettings
from wssis.config.report import ReportSettings
from wssis.engine.label_costs import PUBLISHED, LabelKind, count_labels, label_days
from wssis.formats.atomic import write_text
from wssis.formats.coco import read_coco
from wssis.formats.manifest import StageRun
from wssis.formats.scores import METRICS, write_score_table
from wssis.report_page.curves import CURVES, Curves, Measured, StudyCurves, write_curves
from wssis.report_page.results import SIDES
from wssis.report_page.tables import FOLDER as TABLES
from wssis.report_page.tables import make_table, write_tables


def write_report(study: Path, scores: list[Path]) -> None:
    """A report of the given scores.json, whose page says next to nothing."""
    out = study / "report"
    read = [path.with_name(name) for name in ("scores.json", "detections.json", "metrics.jsonl") for path in scores]
    inputs = {f"{path.stem} {_network_of(study, path)}": path for path in read}
    for path in scores:
        inputs |= {f"{kind} {_run_of(study, path)}": labels for kind, labels in _labels_of(study, path).items()}
    with StageRun("report", out / "manifest.json", ReportSettings(), inputs) as stage:
        rows = [_score_row(study, path) for path in scores]
        write_score_table(out / "scores.csv", rows)
        for page in ("index", "gallery"):
            text = "<html><title>the answer</title><h1>What was found</h1><svg></svg></html>\n"
            write_text(out / f"{page}.html", text)
        gaps = make_table("gap-shapes", "How much of the gap: 100 %", ("arm", "of the gap"), [("wssis", "68 %")])
        write_tables(out / TABLES, [gaps])
        write_curves(out / CURVES, _curves_of(rows))
        stage.output(*(out / name for name in ("index.html", "gallery.html", "scores.csv", CURVES, TABLES)))
        stage.counts |= {"networks": len(scores), "groups": 1}


def _curves_of(rows: list[dict[str, Any]]) -> StudyCurves:
    """Of one arm, with the AP that the table has; bill, days and resamples are made up."""
    ap = {row["seed"]: row["AP"] for row in rows if row["arm"] == "wssis"}
    one = Measured(
        arm="wssis", title="WSSIS", labelled={"full": 4.0, "point": 5.0}, mix="50pct", full_percent=50,
        days={"pointwssis": 0.5}, ap=ap, resampled=(24.0, None),
    )  # fmt: skip
    curve = Curves(dataset="shapes", variant="base", seeds=tuple(ap), points=(one,))
    return StudyCurves(study="mini", categories_known=False, curves=(curve,))


def _network_of(study: Path, path: Path) -> str:
    """Run and name of the network that a file is of."""
    return path.relative_to(study).parent.as_posix().replace("students/", "")


def _run_of(study: Path, path: Path) -> str:
    """Data set, mix, seed and variant of the network that a file is of."""
    return "/".join(path.relative_to(study).parts[:4])


def _labels_of(study: Path, path: Path) -> dict[LabelKind, Path]:
    """The labels that a network's scores.json was bought with, by their kind."""
    pays = ("full",) if path.parent.name == "teacher" else get_arm(path.parent.name).pays
    return {kind: study / _run_of(study, path) / SIDES[kind][1] for kind in pays}


def _score_row(study: Path, path: Path) -> dict[str, Any]:
    scores = json.loads(path.read_text())
    parts = path.relative_to(study).parts
    place = {"study": "mini", "dataset": parts[0], "mix": parts[1], "seed": parts[2], "variant": parts[3]}
    metrics = {key: None if scores[key] is None else round(scores[key], 4) for key in METRICS}
    rest = {"full_percent": 50, "arm": path.parent.name, "points": "centroid", "iterations": 40, "max_detections": 100}
    labelled = {kind: count_labels(read_coco(file)) for kind, file in _labels_of(study, path).items()}
    priced = path.parent.name == "teacher" or payable(get_arm(path.parent.name).pseudo)
    days = {
        f"label_days_{model}": round(label_days(labelled, model, CostSettings()), 4) if priced else None
        for model in PUBLISHED
    }
    return {**place, **metrics, **rest, **days}
