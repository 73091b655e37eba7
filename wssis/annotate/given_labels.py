"""Points and boxes that a labelling session is given."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from wssis.annotate.coco_file import CocoFile
from wssis.annotate.setup import Box, GivenPoint, LabelImage
from wssis.errors import InputError, refuse
from wssis.formats.coco_check import TOLERANCE
from wssis.formats.importers.reader import pair


def read_points(
    file: CocoFile, images: Sequence[LabelImage], categories: Mapping[int, str]
) -> tuple[list[GivenPoint], list[int]]:
    """The points of a file in weak.json's form, and the images that it lists; their ids are known to be sound."""
    by_id = {image.id: image for image in images}
    points, used = [], set()
    listed = [image["id"] for image in file.items("images")]
    unknown = "is not among IMAGES; add it, or remove it from the file"
    problems = [f"{file.path}: image {one} {unknown}" for one in listed if one not in by_id]
    for item in file.items("annotations"):
        number, image, (x, y) = item.get("id"), by_id.get(_image_id(item)), pair(item.get("point"))
        reason = _wrong_label(item, image, categories, used)
        if reason is None and not (math.isfinite(x) and math.isfinite(y)):
            reason = "has no point [x, y]; `wssis convert points` makes such a file"
        elif reason is None and not (-0.5 <= x < image.width - 0.5 and -0.5 <= y < image.height - 0.5):
            reason = f"({x:g}, {y:g}) lies outside {image.file_name} of {image.width} x {image.height}; remove it"
        if reason is not None:
            problems.append(f"{file.path}: annotation {number!r}: {reason}")
            continue
        used.add(number)
        points.append(GivenPoint(number, image.id, item["category_id"], x, y))
    refuse(problems)
    return points, listed


def _image_id(item: Mapping[str, Any]) -> int | None:
    """The id of an annotation's image; None where it is no integer."""
    return item["image_id"] if type(item.get("image_id")) is int else None


def _wrong_label(
    item: Mapping[str, Any], image: LabelImage | None, categories: Mapping[int, str], used: set[int]
) -> str | None:
    """Why an annotation's ids cannot be taken, or None."""
    if type(item.get("id")) is not int or item["id"] in used:
        return "needs an integer id of its own; number the annotations anew"
    if image is None:
        return f"its image {item.get('image_id')!r} is not among IMAGES; add it, or remove the annotation"
    if type(item.get("category_id")) is not int or item["category_id"] not in categories:
        return f"unknown category_id {item.get('category_id')!r}; add the category or correct the id"
    return None


def read_boxes(
    file: CocoFile, images: Sequence[LabelImage], categories: Mapping[int, str]
) -> tuple[list[Box], int]:
    """The boxes of a COCO file, image by image, and the number of crowd regions, which are left out.

    The ids of its images are known to be sound.
    """
    by_id = {image.id: image for image in images}
    places = {image.id: place for place, image in enumerate(images)}
    known = {image["id"] for image in file.items("images")}
    problems = [f"{file.path}: {i.file_name} is not in this file; take it out of IMAGES, or list its boxes"
                for i in images if i.id not in known]  # fmt: skip
    boxes: list[Box] = []
    used: set[int] = set()
    crowds = 0
    for item in file.items("annotations"):
        if item.get("iscrowd"):
            crowds += 1
            continue
        image_id = _image_id(item)
        if image_id in known and image_id not in by_id:
            continue  # An image that is not labelled now.
        image = by_id.get(image_id)
        reason = _wrong_label(item, image, categories, used) or _wrong_box(item.get("bbox"), image)
        if reason is not None:
            problems.append(f"{file.path}: annotation {item.get('id')!r}: {reason}")
            continue
        used.add(item["id"])
        boxes.append(Box(item["id"], item["image_id"], item["category_id"], [float(side) for side in item["bbox"]]))
    refuse(problems)
    if not boxes:
        raise InputError(f"{file.path}: has no box on these images")
    return sorted(boxes, key=lambda box: places[box.image_id]), crowds


def _wrong_box(box: object, image: LabelImage | None) -> str | None:
    """Why a box cannot be taken, or None."""
    numbers = isinstance(box, list) and len(box) == 4 and all(type(side) in (int, float) for side in box)
    if not numbers or not all(math.isfinite(side) for side in box):
        return f"bbox {box!r} must be four numbers, x, y, width, height; correct it"
    x, y, width, height = box
    if width <= 0 or height <= 0 or not (x < image.width and y < image.height and x + width > 0 and y + height > 0):
        return f"bbox {box} has no part in {image.file_name} of {image.width} x {image.height}; correct or remove it"
    if min(x, y) < -TOLERANCE or x + width > image.width + TOLERANCE or y + height > image.height + TOLERANCE:
        return f"bbox {box} reaches out of {image.file_name} of {image.width} x {image.height}; clip it"
    return None
