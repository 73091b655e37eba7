"""Quality of an arm's pseudo masks, from files: what the stage pseudo-quality writes, and an audit computes again."""

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
class HiddenObjects:
    """What a run's weak labels stand for: they themselves, train.json's part on their images, and which is which.

    Attributes:
        labels: COCO of weak.json or box_points.json.
        truth: COCO, masks as compressed RLEs.
        ids: weak id -> train id.
    """

    labels: dict[str, Any]
    truth: dict[str, Any]
    ids: dict[int, int]


@dataclass(frozen=True)
class MeasuredMasks:
    """An arm's pseudo masks against the hidden ones.

    Attributes:
        rows: one per weak label, in their order.
        shown: the images of the report, as JSON.
        counts: for the manifest: means and shares of IoU, precision and recall at IoU .5.
    """

    rows: list[PointQuality]
    shown: dict[str, Any]
    counts: dict[str, int | float]


def read_hidden(train: Path, weak: Path, hidden_ids: Path) -> HiddenObjects:
    """The hidden objects of a run.

    Raises:
        InputError: a file cannot be read.
    """
    labels = read_labels(weak)
    return HiddenObjects(labels, hidden_truth(read_labels(train), labels), read_hidden_ids(hidden_ids))


def measure_masks(
    settings: QualitySettings, hidden: HiddenObjects, pseudo: Path, proposals: Path | None
) -> MeasuredMasks:
    """Hold an arm's pseudo masks against the hidden ones.

    Args:
        settings: how many images to show, and how many more the gallery may.
        pseudo: pseudo/{arm}.json. Labels that stand for no point or box are held against the hidden object of their
            class that they fit best.
        proposals: proposals/weak.json; None for an arm without.

    Raises:
        InputError: a file cannot be read, or a weak label has no hidden mask.
    """
    truth, labels, ids = hidden.truth, hidden.labels, hidden.ids
    weak_images = {image["id"]: image for image in labels["images"]}
    made = [
        one
        for one in read_labels(pseudo, "segmentation")["annotations"]
        if one.get("source") == "pseudo" and one["image_id"] in weak_images
    ]
    rough = None if proposals is None else _by_point(read_labels(proposals, "point_id")["annotations"])
    known = all("point_id" in one for one in made)
    fitting = _by_point(made) if known else match_labels(made, hidden_objects(truth, labels, ids), weak_images)
    rows = point_qualities(truth, labels, ids, rough, fitting)
    counts = summarise_quality(rows)
    kinds = {"pseudo": made} if rough is None else {"rough": list(rough.values()), "pseudo": made}
    for kind, annotations in kinds.items():
        found = dict(zip(("precision_50", "recall_50"), precision_recall(truth, annotations), strict=True))
        counts |= {f"{name}_{kind}": round(value, 6) for name, value in found.items() if value is not None}
    shown = shown_record(rows, settings.shown, settings.gallery, truth, labels, rough, fitting)
    return MeasuredMasks(rows, shown, counts)


def _by_point(annotations: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Weak id -> the annotation of its point; there is at most one."""
    return {annotation["point_id"]: annotation for annotation in annotations}
