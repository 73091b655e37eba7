"""Pseudo masks against the hidden truth of the weak images: for reading only, nothing trains on the outcome."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as mask_api
from scipy.ndimage import binary_dilation

from wssis.engine.bootstrap import class_matches
from wssis.engine.coco_metrics import ONE_AREA, match
from wssis.errors import InputError
from wssis.formats.coco import annotations_by_image, compressed, compressed_many, decode_mask, mask_box

HALF = 0.5
BOUNDS = {"half": HALF, "three_quarters": 0.75}
"""What shares of masks are counted at; students follow that at .75 more closely than the mean IoU (docs/ablations.md,
"Which masks make good students")."""
NEIGHBOURHOOD = np.ones((3, 3), bool)


@dataclass(frozen=True)
class PointQuality:
    """What became of one weak point; a point without a mask has IoU 0.

    Where an arm has no points, of the object that the point stands for, and the label that fits it best.

    Attributes:
        weak_id: annotation id in weak.json; annotation_id: in train.json.
        area: of the hidden mask, px.
        touching: 1 if the object's mask touches one of its own class (a pixel next to it, diagonals included).
        status: masked, unmasked (kept without a mask) or dropped (no pseudo label at all).
        score: of the pseudo label, None without one.
        iou_rough: proposal against hidden mask, None for an arm without proposals.
        iou_pseudo: the mask in the arm's training set against it.
    """

    weak_id: int
    annotation_id: int
    image_id: int
    category_id: int
    area: int
    touching: int
    status: str
    score: float | None
    iou_rough: float | None
    iou_pseudo: float


COLUMNS = tuple(PointQuality.__dataclass_fields__)


def hidden_truth(train: Mapping[str, Any], weak: Mapping[str, Any]) -> dict[str, Any]:
    """The part of train.json that lies on weak images; its masks are rasterised here, once, to compressed RLE."""
    sizes = {image["id"]: (image["height"], image["width"]) for image in weak["images"]}
    annotations = [annotation for annotation in train["annotations"] if annotation["image_id"] in sizes]
    masks: dict[int, dict[int, Any]] = defaultdict(dict)
    for one in annotations:
        if one.get("segmentation"):
            masks[one["image_id"]][one["id"]] = one["segmentation"]
    drawn = {}
    for image_id, own in masks.items():
        drawn |= zip(own, compressed_many(own.values(), *sizes[image_id]), strict=True)
    annotations = [{**one, "segmentation": drawn[one["id"]]} if one["id"] in drawn else one for one in annotations]
    return {"images": weak["images"], "categories": train["categories"], "annotations": annotations}


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
    rough: Mapping[int, Mapping[str, Any]] | None,
    labels: Mapping[int, Mapping[str, Any]],
) -> list[PointQuality]:
    """One record per point of weak.json, in its order.

    rough: weak id -> proposal, None for an arm without proposals; labels: weak id -> pseudo label.

    Raises:
        InputError: a point has no hidden object to compare with.
    """
    hidden = hidden_objects(truth, weak, hidden_ids)
    images = {image["id"]: image for image in weak["images"]}
    touching = _all_touching(truth)
    rows = []
    for point in weak["annotations"]:
        one = hidden[point["id"]]
        pair = None if rough is None else rough.get(point["id"], {}), labels.get(point["id"])
        rows.append(_quality(point, one, one["id"] in touching, *pair, images[point["image_id"]]))
    return rows


def hidden_objects(
    truth: Mapping[str, Any], weak: Mapping[str, Any], hidden_ids: Mapping[int, int]
) -> dict[int, Mapping[str, Any]]:
    """Weak id -> the hidden object that the point stands for; InputError where there is none with a mask."""
    objects = {annotation["id"]: annotation for annotation in truth["annotations"]}
    found = {}
    for point in weak["annotations"]:
        hidden = objects.get(hidden_ids.get(point["id"], -1))
        if hidden is None or not hidden.get("segmentation"):
            raise InputError(
                f"point {point['id']} of image {point['image_id']}: no hidden mask to compare with; leave"
                " pseudo-quality out where weak images have no masks"
            )
        found[point["id"]] = hidden
    return found


def match_labels(
    labels: Sequence[Mapping[str, Any]],
    hidden: Mapping[int, Mapping[str, Any]],
    images: Mapping[int, Mapping[str, Any]],
) -> dict[int, Mapping[str, Any]]:
    """Weak id -> the label that fits its hidden object, for labels without points.

    Within image and class the pair with the highest IoU is taken first; each object and label at most once, and only
    where they overlap. Of equal pairs the first label, then the first object is taken.

    labels: with masks, on any image; images: the weak images by id.
    """
    objects: dict[tuple[int, int], list[int]] = defaultdict(list)
    groups: dict[tuple[int, int], list[Mapping[str, Any]]] = defaultdict(list)
    for weak_id, one in hidden.items():
        objects[one["image_id"], one["category_id"]].append(weak_id)
    for label in labels:
        groups[label["image_id"], label["category_id"]].append(label)
    found: dict[int, Mapping[str, Any]] = {}
    for key in objects.keys() & groups.keys():
        size = images[key[0]]["height"], images[key[0]]["width"]
        truth = compressed_many((hidden[weak_id]["segmentation"] for weak_id in objects[key]), *size)
        masks = compressed_many((label["segmentation"] for label in groups[key]), *size)
        for place, number in _best_pairs(np.asarray(mask_api.iou(masks, truth, [0] * len(truth)))):
            found[objects[key][place]] = groups[key][number]
    return found


def _best_pairs(iou: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Places of objects and labels that belong together, of IoU (labels, objects)."""
    taken_labels: set[int] = set()
    taken_objects: set[int] = set()
    for flat in np.argsort(-iou, axis=None, kind="stable").tolist():
        label, place = divmod(flat, iou.shape[1])
        if iou[label, place] > 0 and label not in taken_labels and place not in taken_objects:
            taken_labels.add(label)
            taken_objects.add(place)
            yield place, label


def _all_touching(truth: Mapping[str, Any]) -> set[int]:
    groups = annotations_by_image(truth)
    sizes = {image["id"]: (image["height"], image["width"]) for image in truth["images"]}
    return set().union(*(touching_objects(group, *sizes[image_id]) for image_id, group in groups.items()))


def _quality(
    point: Mapping[str, Any],
    hidden: Mapping[str, Any],
    touching: bool,
    rough: Mapping[str, Any] | None,
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
        iou_rough=None
        if rough is None
        else round(mask_iou(rough.get("segmentation"), hidden["segmentation"], *size), 6),
        iou_pseudo=round(mask_iou(label.get("segmentation"), hidden["segmentation"], *size), 6) if masked else 0.0,
    )


def precision_recall(
    truth: Mapping[str, Any], labels: Iterable[Mapping[str, Any]]
) -> tuple[float | None, float | None]:
    """Precision and recall of labels at IoU .5, matched by class and score as COCO does; None where undefined.

    A label on a crowd region is neither right nor wrong; one without a pixel is none.
    """
    detections = [
        {"image_id": a["image_id"], "category_id": a["category_id"], "score": a.get("score") or 0.0,
         "segmentation": a["segmentation"], "bbox": [0, 0, 0, 0]}
        for a in labels if a.get("segmentation") and mask_api.area(a["segmentation"])
    ]  # fmt: skip
    classes = class_matches(match(truth, detections, max(1, len(detections)), "segm", ONE_AREA))
    hits = sum(int(matches.hit[0].sum()) for matches in classes)
    counted = sum(int(matches.counted[0].sum()) for matches in classes)
    objects = sum(int(matches.objects.sum()) for matches in classes)
    return hits / counted if counted else None, hits / objects if objects else None


def summarise_quality(rows: Sequence[PointQuality]) -> dict[str, int | float]:
    """Counts, mean IoU and shares at .5 and .75 or more; a mean over nothing is left out."""
    groups = {"": rows, "_touching": [row for row in rows if row.touching]}
    summary: dict[str, int | float] = {"points": len(rows), "touching": len(groups["_touching"])}
    for status in ("masked", "unmasked", "dropped"):
        summary[status] = sum(row.status == status for row in rows)
    for suffix, group in groups.items():
        for kind in ("rough", "pseudo") if group else ():
            values = np.array([value for row in group if (value := getattr(row, f"iou_{kind}")) is not None])
            if not len(values):
                continue
            summary[f"mean_iou_{kind}{suffix}"] = round(float(values.mean()), 6)
            for name, bound in BOUNDS.items():
                summary[f"above_{name}_{kind}{suffix}"] = round(float((values >= bound).mean()), 6)
    return summary
