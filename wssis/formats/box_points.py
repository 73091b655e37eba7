"""box_points.json: a box and labelled points per object (Cheng et al., "Pointly-Supervised Instance Segmentation").

COCO with images, categories and annotations; an annotation is id, image_id, category_id, bbox [x, y, w, h],
point_coords [[x, y], ...] and point_labels [0 | 1, ...] (1: on the object), and nothing else. Coordinates are
continuous, in px, as in Detectron2: (0, 0) is the image's top-left corner, and pixel (row, column) is the square
[column, column + 1) x [row, row + 1). They are half a pixel more than the pixel indices of weak.json.

An annotation may have no points (a box alone); an image without annotations is verified empty.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wssis.errors import refuse
from wssis.formats.coco import read_coco, write_coco
from wssis.formats.coco_check import box_problem, frame_problems, sized_images

KEYS = ("id", "image_id", "category_id", "bbox", "point_coords", "point_labels")
TOLERANCE = 1.0
"""How far a box may reach beyond its image, and a point beyond its box, px: annotation tools round."""


def read_box_points(path: Path) -> dict[str, Any]:
    """Read box_points.json.

    Raises:
        InputError: the file is missing, is no COCO file, or has problems (`box_points_problems`), which are named.
    """
    coco = read_coco(path)
    refuse([f"{path}: {problem}" for problem in box_points_problems(coco)])
    return coco


def write_box_points(path: Path, coco: Mapping[str, Any]) -> None:
    """Write box_points.json atomically.

    Raises:
        ValueError: what it would hold is not what it should; a mistake of the program that wrote it.
    """
    problems = list(box_points_problems(coco))
    if problems:
        raise ValueError(f"{path}: {problems[0]}")
    write_coco(path, coco)


def box_points_problems(coco: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with it, one line each: id, what is wrong, what to do; nothing where it is sound.

    coco: its images, annotations and categories are lists.
    """
    yield from frame_problems(coco)
    if not all(isinstance(one, dict) for key in ("images", "annotations") for one in coco[key]):
        return
    images = sized_images(coco["images"])
    for annotation in coco["annotations"]:
        image_id = annotation.get("image_id")
        image = images.get(image_id) if isinstance(image_id, int) else None
        for problem in _annotation(annotation, image):
            yield f"annotation {annotation.get('id')!r}: {problem}"


def _annotation(annotation: Mapping[str, Any], image: Mapping[str, Any] | None) -> Iterator[str]:
    """Problems of one annotation; `image` is None where it is unknown or has no size."""
    if foreign := sorted(annotation.keys() - set(KEYS)):
        yield f"has {', '.join(foreign)}; a box with points has only {', '.join(KEYS)}: remove it"
    box = annotation.get("bbox")
    fault = box_problem(box)
    reason = None if fault is None else str(fault)
    if reason is None and min(box[2:]) <= 0:
        reason = f"bbox {box!r} has no area; draw it again or remove the annotation"
    if reason is None and image is not None and not _within(box, image):
        reason = f"bbox {box!r} reaches out of its image of {image['width']} x {image['height']}; clip it"
    if reason is not None:
        yield reason
    yield from _points(annotation, box if reason is None else None)


def _within(box: list[float], image: Mapping[str, Any]) -> bool:
    """Whether a box [x, y, w, h] lies in the image, but for the tolerance."""
    x, y, width, height = box
    right, bottom = x + width - image["width"], y + height - image["height"]
    return min(x, y) >= -TOLERANCE and max(right, bottom) <= TOLERANCE


def _points(annotation: Mapping[str, Any], box: list[float] | None) -> Iterator[str]:
    """Problems of an annotation's points; `box` is None where it is not sound."""
    coords, labels = annotation.get("point_coords"), annotation.get("point_labels")
    if not isinstance(coords, list) or not isinstance(labels, list) or len(coords) != len(labels):
        yield "point_coords and point_labels must be lists of equal length; give every point its label"
        return
    if any(type(label) is not int or label not in (0, 1) for label in labels):
        yield f"point_labels {labels!r} must be 0 (background) or 1 (object); correct them or remove the points"
    points = _pairs(coords)
    if points is None or not np.isfinite(points).all():
        yield "point_coords must be pairs of finite numbers [x, y]; correct them or remove the points"
    elif box is not None and len(points):
        beyond = np.maximum(np.array(box[:2]) - points, points - np.array(box[:2]) - np.array(box[2:])).max(1)
        if beyond.max() > TOLERANCE:
            yield f"point {coords[int(beyond.argmax())]!r} lies outside its bbox {box!r}; correct or remove it"


def _pairs(coords: list[Any]) -> np.ndarray | None:
    """Float array (P, 2), or None where an entry is no pair of numbers."""
    if not all(isinstance(one, list) and len(one) == 2 and all(type(v) in (int, float) for v in one) for one in coords):
        return None
    return np.array(coords, np.float64).reshape(-1, 2)
