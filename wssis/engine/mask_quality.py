"""Quality of an arm's pseudo masks, from files: what the stage pseudo-quality writes, and an audit computes again."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wssis.config.mask_stages import QualitySettings
from wssis.engine.pseudo_quality import (
    PointQuality,
    hidden_objects,
    hidden_truth,
    match_labels,
    point_qualities,
    precision_recall,
    summarise_quality,
)
from wssis.engine.shown_images import shown_record
from wssis.formats.labels_file import read_labels
from wssis.formats.points import read_hidden_ids


@dataclass(frozen=True)
class MaskQuality:
    """An arm's pseudo masks against the hidden ones.

    Attributes:
        rows: one per weak point, in the order of the weak labels.
        shown: the images of the report, as JSON.
        counts: for the manifest: means and shares of IoU, precision and recall at IoU .5.
    """

    rows: list[PointQuality]
    shown: dict[str, Any]
    counts: dict[str, int | float]


def measure_quality(settings: QualitySettings, files: Mapping[str, Path]) -> MaskQuality:
    """Hold pseudo masks against the hidden ones.

    Args:
        settings: how many images to show, and how many more the gallery may.
        files: train, weak, hidden_ids, pseudo and, of an arm with proposals, proposals. Labels that stand for no point
            or box are held against the hidden object of their class that they fit best.

    Raises:
        InputError: a file cannot be read, or a weak point has no hidden mask.
    """
    points, labels = read_labels(files["weak"]), read_labels(files["pseudo"], "segmentation")
    truth, ids = hidden_truth(read_labels(files["train"]), points), read_hidden_ids(files["hidden_ids"])
    weak_images = {image["id"]: image for image in points["images"]}
    made = [one for one in labels["annotations"] if one.get("source") == "pseudo"]
    made = [one for one in made if one["image_id"] in weak_images]
    rough = _by_point(read_labels(files["proposals"], "point_id")["annotations"]) if "proposals" in files else None
    known = all("point_id" in one for one in made)
    fitting = _by_point(made) if known else match_labels(made, hidden_objects(truth, points, ids), weak_images)
    rows = point_qualities(truth, points, ids, rough, fitting)
    counts = summarise_quality(rows)
    kinds = {"pseudo": made} if rough is None else {"rough": list(rough.values()), "pseudo": made}
    for kind, annotations in kinds.items():
        found = dict(zip(("precision_50", "recall_50"), precision_recall(truth, annotations), strict=True))
        counts |= {f"{name}_{kind}": round(value, 6) for name, value in found.items() if value is not None}
    shown = shown_record(rows, settings.shown, settings.gallery, truth, points, rough, fitting)
    return MaskQuality(rows, shown, counts)


def _by_point(annotations: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Weak id -> the annotation of its point; there is at most one."""
    return {annotation["point_id"]: annotation for annotation in annotations}
