"""Stage pseudo-quality: pseudo masks against hidden truth. It may read weak masks; nothing trains on its outputs."""

from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

from wssis.config.stages import QualitySettings
from wssis.engine.pseudo_quality import (
    COLUMNS,
    hidden_truth,
    point_qualities,
    precision_recall,
    summarise_quality,
)
from wssis.engine.shown_images import shown_record
from wssis.formats.atomic import write_json
from wssis.formats.coco import read_coco
from wssis.formats.manifest import StageRun
from wssis.formats.points import read_hidden_ids
from wssis.formats.table import write_table


def run(
    settings: QualitySettings,
    train: Path,
    weak: Path,
    hidden_ids: Path,
    proposals: Path,
    pseudo: Path,
    out: Path,
    shown: Path,
) -> None:
    """Write `out` (one row per weak point), `shown` (the images of the report) and the manifest beside `out`.

    Args:
        settings: how many images to show, and how many more the gallery may.
        train: train.json, with the masks that no other stage may see.
        weak: weak.json of the run.
        hidden_ids: hidden_ids.csv of the run, from weak ids to train ids.
        proposals: proposals/weak.json of the run.
        pseudo: pseudo/{arm}.json, the arm's training set.
        out: quality/{arm}.csv.
        shown: quality/{arm}.shown.json.

    Raises:
        InputError: a weak point has no hidden mask.
    """
    inputs = {"train": train, "weak": weak, "hidden_ids": hidden_ids, "proposals": proposals, "pseudo": pseudo}
    with StageRun("quality", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        points, rough, labels = read_coco(weak), read_coco(proposals), read_coco(pseudo)
        truth = hidden_truth(read_coco(train), points)
        rows = point_qualities(truth, points, read_hidden_ids(hidden_ids), rough, labels)
        write_table(out, COLUMNS, (["" if cell is None else cell for cell in astuple(row)] for row in rows))
        made = [annotation for annotation in labels["annotations"] if annotation.get("source") == "pseudo"]
        pairs = _by_point(rough["annotations"]), _by_point(made)
        write_json(shown, shown_record(rows, settings.shown, settings.gallery, truth, points, *pairs))
        stage.output(out, shown)
        stage.counts.update(summarise_quality(rows))
        for kind, annotations in (("rough", rough["annotations"]), ("pseudo", made)):
            found = dict(zip(("precision_50", "recall_50"), precision_recall(truth, annotations), strict=True))
            stage.counts |= {f"{name}_{kind}": round(value, 6) for name, value in found.items() if value is not None}


def _by_point(annotations: list[dict[str, Any]]) -> Mapping[int, dict[str, Any]]:
    """Weak id -> the annotation of its point; there is at most one."""
    return {annotation["point_id"]: annotation for annotation in annotations}
