"""What an audit needs to know of masks without drawing them: whether two are one, and whether an RLE holds one."""

import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle_tools

from wssis.formats.rle import run_table

TEXT = re.compile("[0-o]*[0-O]")
"""Characters of a compressed RLE: six bits each; the last one does not say that more is to come."""
PIXELS = 2**31
"""Pixels that no image has."""
UNSOUND = -1


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


def mask_problems(items: Sequence[Mapping[str, Any]], may_be_empty: bool) -> Iterator[str]:
    """What is wrong with the masks of annotations whose segmentation should be a compressed RLE, in words.

    Each should be the mask whose area and box, four finite numbers, stand beside it. pycocotools trusts its input, and
    a damaged RLE would end the process; so only sound ones are handed on.
    """
    texts = [item for item in items if _is_text(item["segmentation"]) and _is_area(item.get("area"))]
    if len(texts) < len(items):
        yield from (problem for item in items if (problem := _malformed(item)) is not None)
    if not texts:
        return
    areas = _areas([item["segmentation"] for item in texts])
    for place in np.flatnonzero(areas == UNSOUND):
        yield f"annotation {texts[place]['id']} has a mask whose runs do not fill its size"
    sound = np.flatnonzero(areas != UNSOUND)
    if sound.size:
        yield from _unlike([texts[place] for place in sound], areas[sound], may_be_empty)


def _unlike(items: Sequence[Mapping[str, Any]], areas: NDArray[np.int64], may_be_empty: bool) -> Iterator[str]:
    """Sound masks, of these areas (N,), with another area or box than said, or without a pixel."""
    boxes = rle_tools.toBbox([item["segmentation"] for item in items])
    said = np.array([item["area"] for item in items], np.float64)
    said_boxes = np.array([item["bbox"] for item in items], np.float64)
    odd = (areas != said) | (boxes != said_boxes).any(axis=1)
    for place in np.flatnonzero(odd):
        of = f"area {areas[place]} and bbox {boxes[place].tolist()}"
        yield f"annotation {items[place]['id']} has a mask of {of}, not of those that stand beside it"
    for place in np.flatnonzero(~odd & (areas == 0)) if not may_be_empty else ():
        yield f"annotation {items[place]['id']} has a mask without a pixel; a label without one states a reason"


def _malformed(item: Mapping[str, Any]) -> str | None:
    """What is wrong with the form of an annotation's mask or area."""
    if not _is_text(item["segmentation"]):
        return f"annotation {item['id']} has a mask that is no compressed RLE"
    area = item.get("area")
    return None if _is_area(area) else f"annotation {item['id']} has area {str(area)[:20]}, not a number of pixels"


def _is_area(area: Any) -> bool:
    return type(area) in (int, float) and abs(area) < PIXELS


def _is_text(segmentation: Any) -> bool:
    """Whether a segmentation has the form of a compressed RLE, of a size that an image may have."""
    if type(segmentation) is not dict:
        return False
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if type(size) is not list or len(size) != 2 or type(size[0]) is not int or type(size[1]) is not int:
        return False
    return min(size) > 0 and math.prod(size) < PIXELS and isinstance(counts, str) and TEXT.fullmatch(counts) is not None


def _areas(masks: Sequence[Mapping[str, Any]]) -> NDArray[np.int64]:
    """Pixels (N,) of N RLEs; UNSOUND where the runs are no lengths, or do not come to height x width."""
    try:
        lengths, start = run_table([mask["counts"].encode() for mask in masks])
    except ValueError:  # One of them has a run longer than any image: which, they are asked one by one.
        return np.concatenate([_areas([mask]) for mask in masks]) if len(masks) > 1 else np.array([UNSOUND])
    begin = start[:-1]
    pixels = np.array([math.prod(mask["size"]) for mask in masks])
    fits = (np.minimum.reduceat(lengths, begin) >= 0) & (np.add.reduceat(lengths, begin) == pixels)
    of_ones = (np.arange(lengths.size) - np.repeat(begin, np.diff(start))) % 2 == 1
    return np.where(fits, np.add.reduceat(lengths * of_ones, begin), UNSOUND)
