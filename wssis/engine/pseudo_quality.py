"""Pseudo masks against the hidden truth of the weak images: for reading only, nothing trains on the outcome."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as mask_api
from scipy.ndimage import binary_dilation

from wssis.engine.bootstrap import class_matches
from wssis.engine.coco_metrics import ONE_AREA, match
from wssis.errors import InputError
from wssis.formats.coco import annotations_by_image, compressed, decode_mask, mask_box

HALF = 0.5
NEIGHBOURHOOD = np.ones((3, 3), bool)


@dataclass(frozen=True)
class PointQuality:
    """What became of one weak point; a point without a mask has IoU 0.

    Attributes:
        weak_id: annotation id in weak.json; annotation_id: in train.json.
        area: of the hidden mask, px.
        touching: 1 if the object's mask touches one of its own class (a pixel next to it, diagonals included).
        status: masked, unmasked (kept without a mask) or dropped (no pseudo label at all).
        score: of the pseudo label, None without one.
        iou_rough: proposal against hidden mask; iou_pseudo: the mask in the arm's training set against it.
    """

    weak_id: int
    annotation_id: int
    image_id: int
    category_id: int
    area: int
    touching: int
    status: str
    score: float | None
    iou_rough: float
    iou_pseudo: float


COLUMNS = tuple(PointQuality.__dataclass_fields__)


def hidden_truth(train: Mapping[str, Any], weak: Mapping[str, Any]) -> dict[str, Any]:
    """The part of train.json that lies on weak images, masks included."""
    ids = {image["id"] for image in weak["images"]}
    return {
        "images": weak["images"],
        "categories": train["categories"],
        "annotations": [annotation for annotation in train["annotations"] if annotation["image_id"] in ids],
    }


def touching_objects(annotations: Sequence[Mapping[str, Any]], height: int, width: int) -> set[int]:
    """Ids of one image's objects that touch or overlap another of their class; crowd regions do not count."""
    objects = [annotation for annotation in annotations if not annotation.get("iscrowd", 0)]
    masks = {annotation["id"]: decode_mask(annotation, height, width) for annotation in objects}
    found: set[int] = set()
    for one in objects:
        rows, columns = _window(masks[one["id"]])
        grown = binary_dilation(masks[one["id"]][rows, columns], NEIGHBOURHOOD)
        for other in objects:
            same = other["category_id"] == one["category_id"] and other["id"] != one["id"]
            if same and (grown & masks[other["id"]][rows, columns]).any():
                found |= {one["id"], other["id"]}
    return found


def _window(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of a mask's box, one pixel wider on every side."""
    x, y, width, height = mask_box(mask)
    return slice(max(0, y - 1), y + height + 1), slice(max(0, x - 1), x + width + 1)


def mask_iou(one: Any, other: Any, height: int, width: int) -> float:
    """IoU of two segmentations of one image; 0 where one is missing (None) or empty."""
    if not one or not other:
        return 0.0
    first, second = compressed(one, height, width), compressed(other, height, width)
    return float(mask_api.iou([first], [second], [0])[0, 0])


def point_qualities(
    truth: Mapping[str, Any],
    weak: Mapping[str, Any],
    hidden_ids: Mapping[int, int],
    proposals: Mapping[str, Any],
    pseudo: Mapping[str, Any],
) -> list[PointQuality]:
    """One record per point of weak.json, in its order.

    Raises:
        InputError: a point has no hidden object to compare with.
    """
    objects = {annotation["id"]: annotation for annotation in truth["annotations"]}
    images = {image["id"]: image for image in weak["images"]}
    touching = _all_touching(truth)
    rough = {annotation["point_id"]: annotation for annotation in proposals["annotations"]}
    labels = {a["point_id"]: a for a in pseudo["annotations"] if a.get("source") == "pseudo"}
    rows = []
    for point in weak["annotations"]:
        hidden = objects.get(hidden_ids.get(point["id"], -1))
        if hidden is None or not hidden.get("segmentation"):
            raise InputError(
                f"point {point['id']} of image {point['image_id']}: no hidden mask to compare with; leave"
                " pseudo-quality out where weak images have no masks"
            )
        pair = rough.get(point["id"], {}), labels.get(point["id"])
        rows.append(_quality(point, hidden, hidden["id"] in touching, *pair, images[point["image_id"]]))
    return rows


def _all_touching(truth: Mapping[str, Any]) -> set[int]:
    groups = annotations_by_image(truth)
    sizes = {image["id"]: (image["height"], image["width"]) for image in truth["images"]}
    return set().union(*(touching_objects(group, *sizes[image_id]) for image_id, group in groups.items()))


def _quality(
    point: Mapping[str, Any],
    hidden: Mapping[str, Any],
    touching: bool,
    rough: Mapping[str, Any],
    label: Mapping[str, Any] | None,
    image: Mapping[str, Any],
) -> PointQuality:
    size = image["height"], image["width"]
    masked = label is not None and bool(label.get("segmentation"))
    return PointQuality(
        weak_id=point["id"],
        annotation_id=hidden["id"],
        image_id=point["image_id"],
        category_id=point["category_id"],
        area=int(mask_api.area(compressed(hidden["segmentation"], *size))),
        touching=int(touching),
        status="dropped" if label is None else "masked" if masked else "unmasked",
        score=None if label is None else label.get("score"),
        iou_rough=round(mask_iou(rough.get("segmentation"), hidden["segmentation"], *size), 6),
        iou_pseudo=round(mask_iou(label.get("segmentation"), hidden["segmentation"], *size), 6) if masked else 0.0,
    )


def precision_recall(
    truth: Mapping[str, Any], labels: Iterable[Mapping[str, Any]]
) -> tuple[float | None, float | None]:
    """Precision and recall of labels at IoU .5, matched by class and score as COCO does; None where undefined.

    A label on a crowd region is neither right nor wrong.
    """
    detections = [
        {"image_id": a["image_id"], "category_id": a["category_id"], "score": a.get("score") or 0.0,
         "segmentation": a["segmentation"], "bbox": [0, 0, 0, 0]}
        for a in labels if a.get("segmentation")
    ]  # fmt: skip
    classes = class_matches(match(truth, detections, max(1, len(detections)), "segm", ONE_AREA))
    hits = sum(int(matches.hit[0].sum()) for matches in classes)
    counted = sum(int(matches.counted[0].sum()) for matches in classes)
    objects = sum(int(matches.objects.sum()) for matches in classes)
    return hits / counted if counted else None, hits / objects if objects else None


def summarise_quality(rows: Sequence[PointQuality]) -> dict[str, int | float]:
    """Counts, mean IoU and shares above .5; a mean over nothing is left out."""
    groups = {"": rows, "_touching": [row for row in rows if row.touching]}
    summary: dict[str, int | float] = {"points": len(rows), "touching": len(groups["_touching"])}
    for status in ("masked", "unmasked", "dropped"):
        summary[status] = sum(row.status == status for row in rows)
    for suffix, group in groups.items():
        for kind in ("rough", "pseudo") if group else ():
            values = np.array([asdict(row)[f"iou_{kind}"] for row in group])
            summary[f"mean_iou_{kind}{suffix}"] = round(float(values.mean()), 6)
            summary[f"above_half_{kind}{suffix}"] = round(float((values >= HALF).mean()), 6)
    return summary
