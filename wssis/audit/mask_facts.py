"""What an audit needs to know of masks without drawing them: whether two are one, and whether an RLE holds one."""

import math
import re
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as rle_tools

from wssis.formats.rle import run_table

TEXT = re.compile("[0-o]*[0-O]")
"""Characters of a compressed RLE: six bits each; the last one does not say that more is to come."""
PIXELS = 2**31
"""Pixels that no image has."""
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
    """Compressed RLEs of annotations, looked at in batches: each holds the mask whose area and box stand beside it.

    pycocotools trusts its input, and a damaged RLE would end the process; so only sound ones are handed on.
    """

    def __init__(self, may_be_empty: bool) -> None:
        self._may_be_empty = may_be_empty
        self._items: list[Mapping[str, Any]] = []

    def add(self, item: Mapping[str, Any]) -> Iterator[str]:
        """Take an annotation with a segmentation and a box; what is wrong with it, or with those of a full batch."""
        if not _is_text(item["segmentation"]):
            yield f"annotation {item['id']} has a mask that is no compressed RLE"
        elif type(item.get("area")) not in (int, float):
            yield f"annotation {item['id']} has area {item.get('area')!r}, not a number"
        else:
            self._items.append(item)
        if len(self._items) >= BATCH:
            yield from self.problems()

    def problems(self) -> Iterator[str]:
        """What is wrong with the annotations since the last batch, in words."""
        items, self._items = self._items, []
        sound = _fill_their_image([item["segmentation"] for item in items])
        for item in (item for item, fits in zip(items, sound, strict=True) if not fits):
            yield f"annotation {item['id']} has a mask whose runs do not fill its size"
        yield from self._unlike([item for item, fits in zip(items, sound, strict=True) if fits])

    def _unlike(self, items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        """Sound masks with another area or box than said, or without a pixel."""
        if not items:
            return
        masks = [item["segmentation"] for item in items]
        areas, boxes = rle_tools.area(masks), rle_tools.toBbox(masks)
        said = np.array([item["area"] for item in items], np.float64)
        said_boxes = np.array([item["bbox"] for item in items], np.float64)
        odd = (areas != said) | (boxes != said_boxes).any(axis=1)
        for place in np.flatnonzero(odd):
            of = f"area {areas[place]} and bbox {boxes[place].tolist()}"
            yield f"annotation {items[place]['id']} has a mask of {of}, not of those that stand beside it"
        for place in np.flatnonzero(~odd & (areas == 0)) if not self._may_be_empty else ():
            yield f"annotation {items[place]['id']} has a mask without a pixel; a label without one states a reason"


def _is_text(segmentation: Any) -> bool:
    """Whether a segmentation has the form of a compressed RLE, of a size that an image may have."""
    if not isinstance(segmentation, Mapping):
        return False
    size, counts = segmentation.get("size"), segmentation.get("counts")
    sides = isinstance(size, list) and len(size) == 2 and all(type(one) is int and one > 0 for one in size)
    return sides and math.prod(size) < PIXELS and isinstance(counts, str) and TEXT.fullmatch(counts) is not None


def _fill_their_image(masks: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Whether the runs of each RLE are lengths, and come to its height x width."""
    counts = [mask["counts"].encode() for mask in masks]
    try:
        lengths, start = run_table(counts)
    except ValueError:  # One of them has a run longer than any image: which, they are asked one by one.
        return [False] if len(masks) == 1 else [fits for mask in masks for fits in _fill_their_image([mask])]
    parts = zip(masks, start[:-1].tolist(), start[1:].tolist(), strict=True)
    return [
        bool((lengths[begin:end] >= 0).all()) and int(lengths[begin:end].sum()) == math.prod(mask["size"])
        for mask, begin, end in parts
    ]
