"""What is wrong with a COCO file: every problem at once, each with the file, the id and what to do about it."""

import math
from collections.abc import Container, Iterable, Iterator, Mapping
from numbers import Real
from pathlib import Path, PurePosixPath
from typing import Any

from wssis.formats.annotation_blocks import AT_ONCE, trusted
from wssis.formats.coco import mask_area
from wssis.formats.json_text import blocks
from wssis.formats.polygons import FEWEST_NUMBERS
from wssis.formats.rle import run_lengths

TOLERANCE = 1.0
"""How far a polygon may reach beyond its image, px: exporters round."""


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _key(value: object) -> object:
    """The value, or its text where it cannot be looked up (a list for an id)."""
    return value if isinstance(value, int | float | str) else repr(value)


def _all_finite(values: Iterable[object]) -> bool:
    return all(isinstance(value, Real) and math.isfinite(value) for value in values)


def _duplicates(items: list[dict[str, Any]], key: str) -> Iterator[Any]:
    seen: set[Any] = set()
    reported: set[Any] = set()
    for item in items:
        value = _key(item.get(key))
        if value in seen and value not in reported:
            reported.add(value)
            yield value
        seen.add(value)


def bad_file_name(name: object) -> str | None:
    """Why an image cannot have this file name, with the remedy, or None."""
    if not isinstance(name, str) or not name.strip():
        return "has no file_name; name its file, relative to the image folder"
    path = PurePosixPath(name)
    if (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or ":" in path.parts[0]
        or "\0" in name
    ):
        return f"file_name {name!r} leaves the image folder; give a path inside it, with forward slashes"
    return None


def _categories(categories: list[dict[str, Any]]) -> Iterator[str]:
    if not categories:
        yield "has no categories; list them with id and name"
    for category in categories:
        if not _is_id(category.get("id")):
            yield f"category {category.get('id')!r}: the id must be an integer; renumber the categories"
        if not isinstance(category.get("name"), str) or not category["name"]:
            yield f"category {category.get('id')!r}: has no name; give it one"
    for duplicate in _duplicates(categories, "id"):
        yield f"category {duplicate!r}: this id occurs more than once; keep one of them"


def _images(images: list[dict[str, Any]]) -> Iterator[str]:
    if not images:
        yield "has no images; list them with id, file_name, width and height"
    for image in images:
        label = f"image {image.get('id')!r}"
        if not _is_id(image.get("id")):
            yield f"{label}: the id must be an integer; renumber the images and their annotations"
        sides = (image.get("width"), image.get("height"))
        if not all(_is_id(side) and side > 0 for side in sides):
            yield f"{label}: width {sides[0]!r}, height {sides[1]!r} must be positive integers; take them from the file"
        if reason := bad_file_name(image.get("file_name")):
            yield f"{label}: {reason}"
    for duplicate in _duplicates(images, "id"):
        yield f"image {duplicate!r}: this id occurs more than once; keep one of them or renumber"
    for duplicate in _duplicates(images, "file_name"):
        yield f"file_name {duplicate!r} belongs to more than one image; keep one of them"


def _polygons(polygons: list[Any], height: int, width: int) -> str | None:
    """What is wrong with an annotation's polygons, or None."""
    if not polygons:
        return "the polygon is empty; draw the object or remove the annotation"
    for ring in polygons:
        if not isinstance(ring, list) or len(ring) < FEWEST_NUMBERS or len(ring) % 2:
            return "a polygon needs three corners or more, as x, y, x, y, ...; draw it again or remove it"
        if not _all_finite(ring):
            return "a polygon has a coordinate that is NaN, infinite or no number; draw it again or remove it"
        xs, ys = ring[0::2], ring[1::2]
        if min(ring) < -TOLERANCE or max(xs) > width + TOLERANCE or max(ys) > height + TOLERANCE:
            return (
                f"a polygon (x {min(xs):g} to {max(xs):g}, y {min(ys):g} to {max(ys):g}) reaches out of its image of"
                f" {width} x {height}; clip it, or correct the image's size"
            )
    return None


def _rle(rle: Mapping[str, Any], height: int, width: int) -> str | None:
    """What is wrong with an RLE, or None."""
    if rle.get("size") != [height, width]:
        return f"RLE of size {rle.get('size')!r} in an image of [{height}, {width}] (height, width); export it again"
    counts = rle.get("counts")
    if isinstance(counts, list) and not all(_is_id(count) for count in counts):
        return "RLE counts must be integers; export it again"
    if not isinstance(counts, list | str):
        return "RLE without counts; export it again"
    try:
        runs = run_lengths(counts)
    except (ValueError, OverflowError):
        return "RLE counts cannot be read; export it again"
    if runs.size and runs.min() < 0:
        return "RLE with a negative run; export it again"
    if runs.sum() != height * width:
        return f"RLE runs add up to {int(runs.sum())} px, not to {height} x {width}; export it again"
    return None


def _segmentation(segmentation: object, height: int, width: int) -> str | None:
    if segmentation is None:
        return "has no segmentation; draw the object or remove the annotation"
    if isinstance(segmentation, Mapping):
        return _rle(segmentation, height, width)
    if isinstance(segmentation, list):
        return _polygons(segmentation, height, width)
    return "segmentation is neither polygons nor RLE; export it again"


def box_problem(box: object) -> str | None:
    """What is wrong with a COCO box [x, y, w, h], with the remedy, or None."""
    if not isinstance(box, list) or len(box) != 4 or not _all_finite(box):
        return f"bbox {box!r} is not four finite numbers x, y, width, height; correct it or leave it out"
    if box[2] < 0 or box[3] < 0:
        return f"bbox {box!r} has a negative side; correct it or leave it out"
    return None


def _identity(annotation: Mapping[str, Any], categories: Container[Any]) -> Iterator[str]:
    if not _is_id(annotation.get("id")):
        yield "the id must be an integer; renumber the annotations"
    if _key(annotation.get("category_id")) not in categories:
        yield f"unknown category_id {annotation.get('category_id')!r}; add the category or correct the id"


def annotation_problems(
    annotation: Mapping[str, Any], image: Mapping[str, Any] | None, categories: Container[Any], zero_area: str
) -> Iterator[str]:
    """Problems of one annotation, each with its remedy; `image` is None where its image is unknown or has no size.

    Args:
        categories: known category ids.
        zero_area: see `check_coco`.
    """
    yield from _identity(annotation, categories)
    if annotation.get("iscrowd", 0) not in (0, 1):
        yield f"iscrowd {annotation['iscrowd']!r} must be 0 or 1"
    if annotation.get("bbox") is not None and (reason := box_problem(annotation["bbox"])):
        yield reason
    area = annotation.get("area")
    if area is not None and (not _all_finite([area]) or area < 0):
        yield f"area {area!r} must be a finite number, not negative; correct it or leave it out"
    if image is None:
        return
    reason = _segmentation(annotation.get("segmentation"), image["height"], image["width"])
    if reason:
        yield reason
    elif zero_area == "refuse" and not mask_area(annotation["segmentation"], image["height"], image["width"]):
        yield "the mask has no pixel; draw it again, remove it, or set prepare's zero_area to drop"


def sized_images(images: Iterable[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """Image id -> image, of those with a sound width and height."""
    return {_key(i.get("id")): i for i in images if all(_is_id(i.get(k)) and i[k] > 0 for k in ("width", "height"))}


def frame_problems(coco: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with categories, images and the annotations' ids, each with its remedy; not with their labels."""
    for key in ("images", "annotations", "categories"):
        if not all(isinstance(item, dict) for item in coco[key]):
            yield f"{key} must be a list of objects; a COCO instances file is expected"
            return
    yield from _categories(coco["categories"])
    yield from _images(coco["images"])
    known = {_key(image.get("id")) for image in coco["images"]}
    categories = {_key(category.get("id")) for category in coco["categories"]}
    for annotation in coco["annotations"]:
        label, image_id = f"annotation {annotation.get('id')!r}", _key(annotation.get("image_id"))
        if image_id not in known:
            yield f"{label}: unknown image_id {image_id!r}; add the image or correct the id"
        yield from (f"{label}: {problem}" for problem in _identity(annotation, categories))
    for duplicate in _duplicates(coco["annotations"], "id"):
        yield f"annotation {duplicate!r}: this id occurs more than once; renumber"


def check_coco(coco: Mapping[str, Any], path: Path, zero_area: str = "refuse") -> list[str]:
    """All problems of a COCO file, each as one line: file, id, what is wrong, what to do; empty if it is sound.

    Crowd regions and images without objects are legal.

    Args:
        coco: its images, annotations and categories are lists (as `read_coco` makes sure).
        path: named in the messages.
        zero_area: "refuse", or "drop" if the caller drops masks without a pixel itself.
    """
    for key in ("images", "annotations", "categories"):
        if not all(isinstance(item, dict) for item in coco[key]):
            return [f"{path}: {key} must be a list of objects; a COCO instances file is expected"]
    problems = [*_categories(coco["categories"]), *_images(coco["images"])]
    sized = sized_images(coco["images"])
    known = {_key(image.get("id")) for image in coco["images"]}
    categories = {_key(category.get("id")) for category in coco["categories"]}
    for block in blocks(coco["annotations"], AT_ONCE):
        sound = trusted(block, sized, categories, TOLERANCE, filled=zero_area == "refuse")
        for annotation in (annotation for place, annotation in enumerate(block) if place not in sound):
            label = f"annotation {annotation.get('id')!r}"
            image_id = _key(annotation.get("image_id"))
            if image_id not in known:
                problems.append(f"{label}: unknown image_id {image_id!r}; add the image or correct the id")
            found = annotation_problems(annotation, sized.get(image_id), categories, zero_area)
            problems += [f"{label}: {problem}" for problem in found]
    for duplicate in _duplicates(coco["annotations"], "id"):
        problems.append(f"annotation {duplicate!r}: this id occurs more than once; renumber")
    if all(annotation.get("iscrowd") for annotation in coco["annotations"]):
        problems.append("has no instance at all; annotate some objects, or check that this is the right file")
    return [f"{path}: {problem}" for problem in problems]
