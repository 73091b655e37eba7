"""A quick look at many annotations at once; what it cannot vouch for is looked at one by one by its caller."""

import math
import sys
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from wssis.formats.coco import mask_area
from wssis.formats.json_text import blocks
from wssis.formats.polygons import Flags, Rings, in_image, packed, surely_filled

AT_ONCE = 4000
"""Annotations that are looked at together."""


def trusted(
    block: Sequence[Mapping[str, Any]],
    images: Mapping[Any, Mapping[str, Any]],
    categories: Container[Any],
    tolerance: float,
    filled: bool,
) -> Collection[int]:
    """Places in the block of annotations in which there is certainly nothing wrong.

    Args:
        images: id -> image, of those that have a size.
        categories: ids of the categories.
        tolerance: how far a polygon may reach beyond its image, px.
        filled: whether the mask must have a pixel.
    """
    places = [
        place
        for place, annotation in enumerate(block)
        if type(annotation.get("image_id")) is int
        and annotation["image_id"] in images
        and type(annotation.get("segmentation")) is list
        and _plain_values_are_sound(annotation, categories)
    ]
    owners, rings = _rings(block, places, images)
    if rings is None or not in_image(rings, tolerance).all():
        return set()
    return _some_ring(owners, surely_filled(rings)) if filled else set(owners)


def without_pixels(annotations: Iterable[Mapping[str, Any]], images: Mapping[Any, Mapping[str, Any]]) -> Iterator[bool]:
    """Whether each annotation's mask has no pixel; images: id -> image. All segmentations are sound.

    Most polygons need not be rasterised for the answer.
    """
    for block in blocks(annotations, AT_ONCE):
        drawn = [place for place, annotation in enumerate(block) if isinstance(annotation["segmentation"], list)]
        owners, rings = _rings(block, drawn, images)
        sure = set() if rings is None else _some_ring(owners, surely_filled(rings))
        for place, annotation in enumerate(block):
            image = images[annotation["image_id"]]
            filled = place in sure or mask_area(annotation["segmentation"], image["height"], image["width"])
            yield not filled


def _plain_values_are_sound(annotation: Mapping[str, Any], categories: Container[Any]) -> bool:
    """Whether everything but segmentation and image is in order."""
    box, area = annotation.get("bbox"), annotation.get("area")
    return (
        type(annotation.get("id")) is int
        and type(annotation.get("category_id")) is int
        and annotation["category_id"] in categories
        and annotation.get("iscrowd", 0) in (0, 1)
        and (area is None or (type(area) in (int, float) and 0 <= area <= sys.float_info.max))
        and (box is None or _is_box(box))
    )


def _is_box(box: Any) -> bool:
    """Whether it is a list of four finite numbers, the last two not negative; False for some odd but sound ones."""
    if type(box) is not list or len(box) != 4:
        return False
    x, y, width, height = box
    if not type(x) is type(y) is type(width) is type(height) is float:
        # An integer may be more than a float can hold.
        small = {type(side) for side in box} <= {int, float} and max(map(abs, box)) <= sys.float_info.max
        return small and _is_box([float(side) for side in box])
    return math.isfinite(x + y) and 0 <= width < math.inf and 0 <= height < math.inf


def _rings(
    block: Sequence[Mapping[str, Any]], places: Iterable[int], images: Mapping[Any, Mapping[str, Any]]
) -> tuple[list[int], Rings | None]:
    """Place of each ring's annotation, and the rings; None where there are none, or one of them is no polygon."""
    owners: list[int] = []
    rings: list[Any] = []
    frames: list[tuple[int, int]] = []
    for place in places:
        segmentation, image = block[place]["segmentation"], images[block[place]["image_id"]]
        owners += [place] * len(segmentation)
        rings += segmentation
        frames += [(image["width"], image["height"])] * len(segmentation)
    return owners, packed(rings, frames) if rings else None


def _some_ring(owners: Sequence[int], flags: Flags) -> set[int]:
    """Owners of whose rings one or more are flagged."""
    return {owner for owner, flag in zip(owners, flags.tolist(), strict=True) if flag}
