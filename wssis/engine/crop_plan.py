"""Which crops a store gets: one window per proposal, in the order of image and proposal ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as mask_api

from wssis.config.mask_stages import CropsSettings
from wssis.errors import InputError
from wssis.formats.coco import annotations_by_image, class_indices, compressed
from wssis.formats.crop_store import CropTable
from wssis.geometry.crops import to_crop
from wssis.geometry.windows import MedianBoxes, Window, mask_window, median_boxes, point_window

Rle = dict[str, Any]


@dataclass(frozen=True)
class PlannedCrop:
    """One crop to render; `rough` is None where the rough mask is empty, `target` where there is none to learn.

    soft: level sets of the rough mask's probability, or None where it is binary.
    """

    proposal_id: int
    image_id: int
    point_id: int
    label: int
    point: tuple[float, float]
    window: Window
    rough: Rle | None
    target: Rle | None
    soft: list[Rle] | None = None


def medians_of(full: Mapping[str, Any], path: Path) -> MedianBoxes:
    """Median box of each class in full.json, crowd regions apart.

    Raises:
        InputError: there is no object at all.
    """
    classes, images = class_indices(full), {image["id"]: image for image in full["images"]}
    boxes = []
    for annotation in (a for a in full["annotations"] if not a.get("iscrowd", 0)):
        image = images[annotation["image_id"]]
        _, _, width, height = mask_api.toBbox(_encoded(annotation, image["height"], image["width"]))
        boxes.append((classes[annotation["category_id"]], width, height))
    if not boxes:
        raise InputError(f"{path}: has no object with a mask; give more images full masks")
    return median_boxes(boxes)


def plan_crops(
    proposals: Mapping[str, Any], medians: MedianBoxes, targets: Mapping[str, Any] | None, settings: CropsSettings
) -> list[PlannedCrop]:
    """One crop per proposal; with `targets` (full.json) each is paired with its own object, by annotation id.

    Raises:
        InputError: a proposal's object is not in `targets`, or it has no soft mask where one is asked for.
    """
    images = {image["id"]: image for image in proposals["images"]}
    classes = class_indices(proposals)
    objects = None if targets is None else {a["id"]: a for a in targets["annotations"]}
    crops = []
    for proposal in sorted(proposals["annotations"], key=lambda a: (a["image_id"], a["id"])):
        image = images[proposal["image_id"]]
        height, width = image["height"], image["width"]
        label = classes[proposal["category_id"]]
        rough = _mask(proposal, height, width)
        x, y = proposal["point"]
        window = _window(rough, (x, y), medians.of(label), settings, height, width)
        target = None if objects is None else _target(objects, proposal, height, width)
        crops.append(
            PlannedCrop(
                proposal["id"], image["id"], proposal["point_id"], label, (x, y), window, rough, target,
                _soft(proposal, settings),
            )
        )  # fmt: skip
    return crops


def crop_table(crops: list[PlannedCrop], proposals: Mapping[str, Any], size: int) -> CropTable:
    """The store's table; the other points are those of the image's other objects that lie in the window."""
    points = {image: _points(group) for image, group in annotations_by_image(proposals).items()}
    others = [_others(crop, points[crop.image_id], size) for crop in crops]
    return CropTable(
        point=_stacked([to_crop(np.array([crop.point]), crop.window, size) for crop in crops]),
        other_points=_stacked(others),
        other_start=np.cumsum([0, *map(len, others)]).astype(np.int64),
        label=np.array([crop.label for crop in crops], dtype=np.int64),
        window=np.array([crop.window for crop in crops], dtype=np.int32).reshape(-1, 4),
        proposal_id=np.array([crop.proposal_id for crop in crops], dtype=np.int64),
        image_id=np.array([crop.image_id for crop in crops], dtype=np.int64),
        point_id=np.array([crop.point_id for crop in crops], dtype=np.int64),
    )


def _window(
    rough: Rle | None,
    point: tuple[float, float],
    median: tuple[float, float],
    settings: CropsSettings,
    height: int,
    width: int,
) -> Window:
    if rough is None:
        return point_window(point, median, settings.scale, height, width)
    x, y, w, h = (int(side) for side in mask_api.toBbox(rough))
    return mask_window((x, y, x + w, y + h), point, settings.scale, height, width, settings.min_side)


def _target(objects: Mapping[int, Mapping[str, Any]], proposal: Mapping[str, Any], height: int, width: int) -> Rle:
    """Mask of the proposal's own object."""
    point_id = proposal["point_id"]
    if point_id not in objects:
        raise InputError(f"proposal {proposal['id']}: full.json has no annotation {point_id}; run propose again")
    return _encoded(objects[proposal["point_id"]], height, width)


def _mask(proposal: Mapping[str, Any], height: int, width: int) -> Rle | None:
    """The rough mask, or None where it is empty."""
    if not proposal["segmentation"]:
        return None
    rle = _encoded(proposal, height, width)
    return rle if mask_api.area(rle) else None


def _soft(proposal: Mapping[str, Any], settings: CropsSettings) -> list[Rle] | None:
    """The level sets of a soft rough mask, where the settings ask for them."""
    if settings.rough == "binary":
        return None
    if "soft" not in proposal:
        raise InputError(f"proposal {proposal['id']}: has no soft mask; run propose with rough: soft")
    return proposal["soft"]


def _encoded(annotation: Mapping[str, Any], height: int, width: int) -> Rle:
    return compressed(annotation["segmentation"], height, width)


def _points(group: list[dict[str, Any]]) -> dict[int, list[float]]:
    """Object -> its point; several predictors may have proposed for one object."""
    return {proposal["point_id"]: proposal["point"] for proposal in group}


def _others(crop: PlannedCrop, points: Mapping[int, list[float]], size: int) -> np.ndarray:
    rest = np.array([point for owner, point in points.items() if owner != crop.point_id]).reshape(-1, 2)
    moved = to_crop(rest, crop.window, size)
    return moved[((moved >= 0) & (moved < size)).all(axis=1)]


def _stacked(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros((0, 2), np.float32), *parts])
