"""What an audit needs to know of masks without drawing them: whether two are one, and whether an RLE holds one."""

import math
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wssis.formats.rle import pixel_spans, run_table

TEXT = re.compile("[0-o]*[0-O]")
"""Characters of a compressed RLE: six bits each; the last one does not say that more is to come."""
PIXELS = 2**31
"""Pixels that no image has."""
BATCH = 4096
"""Masks that are looked at together."""


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
    if type(segmentation) is not dict:
        return hash(tuple(map(tuple, segmentation)))
    counts = segmentation["counts"]  # Hashes of numbers are the same in every process, those of texts are not.
    return zlib.crc32(counts.encode()) if isinstance(counts, str) else hash(tuple(counts))


class CompressedMasks:
    """Compressed RLEs of annotations, looked at in batches: each holds the mask whose area and box stand beside it.

    pycocotools has no part in it: it trusts its input, and a damaged RLE would end the process.
    """

    def __init__(self, may_be_empty: bool) -> None:
        self._may_be_empty = may_be_empty
        self._items: list[Mapping[str, Any]] = []

    def add(self, item: Mapping[str, Any]) -> Iterable[str]:
        """Take an annotation with a segmentation and a box; what is wrong with those of a batch, once it is full."""
        self._items.append(item)
        return self.problems() if len(self._items) >= BATCH else ()

    def problems(self) -> Iterator[str]:
        """What is wrong with the annotations since the last batch, in words."""
        items, self._items = self._items, []
        texts = [item for item in items if _is_text(item["segmentation"]) and type(item.get("area")) in (int, float)]
        if len(texts) < len(items):
            yield from (problem for item in items if (problem := _malformed(item)) is not None)
        if not texts:
            return
        sound = _fill_their_image([item["segmentation"] for item in texts])
        for place in np.flatnonzero(~sound):
            yield f"annotation {texts[place]['id']} has a mask whose runs do not fill its size"
        yield from self._unlike([texts[place] for place in np.flatnonzero(sound)])

    def _unlike(self, items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        """Sound masks with another area or box than said, or without a pixel."""
        if not items:
            return
        areas, boxes = areas_and_boxes([item["segmentation"] for item in items])
        said = np.array([item["area"] for item in items], np.float64)
        said_boxes = np.array([item["bbox"] for item in items], np.float64)
        odd = (areas != said) | (boxes != said_boxes).any(axis=1)
        for place in np.flatnonzero(odd):
            of = f"area {areas[place]} and bbox {boxes[place].tolist()}"
            yield f"annotation {items[place]['id']} has a mask of {of}, not of those that stand beside it"
        for place in np.flatnonzero(~odd & (areas == 0)) if not self._may_be_empty else ():
            yield f"annotation {items[place]['id']} has a mask without a pixel; a label without one states a reason"


def _malformed(item: Mapping[str, Any]) -> str | None:
    """What is wrong with the form of an annotation's mask or area."""
    if not _is_text(item["segmentation"]):
        return f"annotation {item['id']} has a mask that is no compressed RLE"
    area = item.get("area")
    return None if type(area) in (int, float) else f"annotation {item['id']} has area {area!r}, not a number"


def _is_text(segmentation: Any) -> bool:
    """Whether a segmentation has the form of a compressed RLE, of a size that an image may have."""
    if type(segmentation) is not dict:
        return False
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if type(size) is not list or len(size) != 2 or type(size[0]) is not int or type(size[1]) is not int:
        return False
    return min(size) > 0 and math.prod(size) < PIXELS and isinstance(counts, str) and TEXT.fullmatch(counts) is not None


def _fill_their_image(masks: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
    """Whether the runs of each of N RLEs are lengths, and come to its height x width; (N,)."""
    try:
        lengths, start = run_table([mask["counts"].encode() for mask in masks])
    except ValueError:  # One of them has a run longer than any image: which, they are asked one by one.
        alone = [_fill_their_image([mask]) for mask in masks] if len(masks) > 1 else [np.zeros(1, bool)]
        return np.concatenate(alone)
    pixels = np.array([math.prod(mask["size"]) for mask in masks])
    return (np.minimum.reduceat(lengths, start[:-1]) >= 0) & (np.add.reduceat(lengths, start[:-1]) == pixels)


def areas_and_boxes(masks: Sequence[Mapping[str, Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels (N,) and boxes (N, 4), xywh in px, of N sound RLEs; as pycocotools' `area` and `toBbox`, all at once.

    >>> [part.tolist() for part in areas_and_boxes([{"size": [3, 4], "counts": "133O0"}])]
    [[5], [[0, 0, 3, 3]]]
    """
    first, last, start = pixel_spans([mask["counts"].encode() for mask in masks])
    owner = np.repeat(np.arange(len(masks)), np.diff(start))
    height = np.array([mask["size"][0] for mask in masks])[owner]
    left, right, top, bottom = first // height, (last - 1) // height, first % height, (last - 1) % height
    turns = right > left  # A run that goes on in the next column covers the whole height.
    top, bottom = np.where(turns, 0, top), np.where(turns, height - 1, bottom)
    areas, boxes = np.bincount(owner, last - first, len(masks)).astype(np.int64), np.zeros((len(masks), 4), np.int64)
    some, begin = np.unique(owner, return_index=True)
    if some.size:
        x, y = np.minimum.reduceat(left, begin), np.minimum.reduceat(top, begin)
        width = np.maximum.reduceat(right, begin) + 1 - x
        boxes[some] = np.stack([x, y, width, np.maximum.reduceat(bottom, begin) + 1 - y], axis=1)
    return areas, boxes
