"""Stage pseudo-quality: pseudo masks against hidden truth. It may read weak masks; nothing trains on its outputs."""

from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

from wssis.config.mask_stages import QualitySettings
from wssis.engine.pseudo_quality import (
    COLUMNS,
    hidden_objects,
    hidden_truth,
    match_labels,
    point_qualities,
    precision_recall,
    summarise_quality,
)
from wssis.engine.shown_images import shown_record
from wssis.formats.atomic import write_json
from wssis.formats.labels_file import read_labels
from wssis.formats.manifest import StageRun
from wssis.formats.points import read_hidden_ids
from wssis.formats.table import write_table


def run(
    settings: QualitySettings,
    train: Path,
    weak: Path,
    hidden_ids: Path,
    proposals: Path | None,
    pseudo: Path,
    out: Path,
    shown: Path,
) -> None:
    """Write `out` (one row per weak point), `shown` (the images of the report) and the manifest beside `out`.

    Args:
        settings: how many images to show, and how many more the gallery may.
        train: train.json, with the masks that no other stage may see.
        weak: weak.json of the run; or box_points.json, for an arm whose masks come from boxes.
        hidden_ids: hidden_ids.csv of the run, from weak ids to train ids; or box_hidden_ids.csv.
        proposals: proposals/weak.json of the run; None for an arm without proposals. Labels that stand for no point or
            box are held against the hidden object of their class that they fit best.
        pseudo: pseudo/{arm}.json, the arm's training set.
        out: quality/{arm}.csv.
        shown: quality/{arm}.shown.json.

    Raises:
        InputError: a weak point has no hidden mask.
    """
    inputs = {"train": train, "weak": weak, "hidden_ids": hidden_ids, "pseudo": pseudo}
    if proposals is not None:
        inputs["proposals"] = proposals
    with StageRun("quality", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        points, labels = read_labels(weak), read_labels(pseudo, "segmentation")
        truth, ids = hidden_truth(read_labels(train), points), read_hidden_ids(hidden_ids)
        weak_images = {image["id"]: image for image in points["images"]}
        made = [one for one in labels["annotations"] if one.get("source") == "pseudo"]
        made = [one for one in made if one["image_id"] in weak_images]
        rough = None if proposals is None else _by_point(read_labels(proposals, "point_id")["annotations"])
        known = all("point_id" in one for one in made)
        fitting = _by_point(made) if known else match_labels(made, hidden_objects(truth, points, ids), weak_images)
        rows = point_qualities(truth, points, ids, rough, fitting)
        cells = attrgetter(*COLUMNS)
        write_table(out, COLUMNS, (["" if cell is None else cell for cell in cells(row)] for row in rows))
        write_json(shown, shown_record(rows, settings.shown, settings.gallery, truth, points, rough, fitting))
        stage.output(out, shown)
        stage.counts.update(summarise_quality(rows))
        kinds = {"pseudo": made} if rough is None else {"rough": list(rough.values()), "pseudo": made}
        for kind, annotations in kinds.items():
            found = dict(zip(("precision_50", "recall_50"), precision_recall(truth, annotations), strict=True))
            stage.counts |= {f"{name}_{kind}": round(value, 6) for name, value in found.items() if value is not None}


def _by_point(annotations: list[dict[str, Any]]) -> Mapping[int, dict[str, Any]]:
    """Weak id -> the annotation of its point; there is at most one."""
    return {annotation["point_id"]: annotation for annotation in annotations}
