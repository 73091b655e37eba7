"""What an audit needs to know of masks without drawing them: whether two are one, and whether an RLE holds one."""

import math
import zlib
from array import array
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pycocotools import mask as rle_tools

BATCH = 255
"""Masks that are looked at in one call: with NumPy 2 and later, pycocotools' `area` fails for more."""


def fingerprint(segmentation: Any) -> int:
    """A number that two segmentations share if they are equal, and hardly ever otherwise; 0 for none.

    Polygons are equal number by number, RLEs run by run; an RLE and the polygon it was drawn from are not.

    >>> fingerprint([[0, 0, 4, 0, 4, 4]]) == fingerprint([[0.0, 0.0, 4.0, 0.0, 4.0, 4.0]])
    True
    >>> fingerprint(None)
    0
    """
    if not segmentation:
        return 0
    if not isinstance(segmentation, Mapping):
        rings = [array("d", ring) for ring in segmentation]
        return zlib.crc32(array("q", map(len, rings)).tobytes() + b"".join(ring.tobytes() for ring in rings))
    counts = segmentation["counts"]
    return zlib.crc32(counts.encode() if isinstance(counts, str) else array("q", counts).tobytes())


class CompressedMasks:
    """Compressed RLEs of annotations, looked at in batches: each holds the mask whose area and box stand beside it."""

    def __init__(self, may_be_empty: bool) -> None:
        self._may_be_empty = may_be_empty
        self._items: list[Mapping[str, Any]] = []

    def add(self, item: Mapping[str, Any]) -> Iterator[str]:
        """Take an annotation with a segmentation; what is wrong with it, or with those of a batch that is full."""
        segmentation = item["segmentation"]
        if not isinstance(segmentation, Mapping) or not isinstance(segmentation.get("counts"), str):
            yield f"annotation {item['id']} has a mask that is no compressed RLE"
            return
        self._items.append(item)
        if len(self._items) >= BATCH:
            yield from self.problems()

    def problems(self) -> Iterator[str]:
        """What is wrong with the annotations since the last batch, in words."""
        items, self._items = self._items, []
        if not items:
            return
        masks = [item["segmentation"] for item in items]
        areas, boxes = rle_tools.area(masks), rle_tools.toBbox(masks)
        said = np.array([item.get("area", math.nan) for item in items], np.float64)
        said_boxes = np.array([item["bbox"] for item in items], np.float64)
        odd = (areas != said) | (boxes != said_boxes).any(axis=1)
        for place in np.flatnonzero(odd):
            of = f"area {areas[place]} and bbox {boxes[place].tolist()}"
            yield f"annotation {items[place]['id']} has a mask of {of}, not of those that stand beside it"
        for place in np.flatnonzero(~odd & (areas == 0)) if not self._may_be_empty else ():
            yield f"annotation {items[place]['id']} has a mask without a pixel; a label without one states a reason"
