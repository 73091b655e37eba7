"""What later stages read of an annotation: its own box and area, or those of its mask."""

from typing import Any

import numpy as np
import pytest

from wssis.formats.coco import encode_mask
from wssis.formats.coco_normal import box_and_area

HAND = np.array([[c == "#" for c in row] for row in (
    ".........",
    "..####...",
    "..#..##..",
    "..####...",
    ".........",
    ".........",
)])  # fmt: skip


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, ([2, 1, 5, 3], 11)),
        ({"bbox": [1, 0, 7, 5], "area": 12.5}, ([1, 0, 7, 5], 12.5)),
        ({"bbox": [0, 0, 0, 0], "area": 0}, ([2, 1, 5, 3], 11)),
        ({"bbox": [2, 1, 5, 0], "area": 11}, ([2, 1, 5, 3], 11)),
    ],
)
def test_zeros_count_as_missing(given: dict[str, Any], read: tuple[list[float], float]) -> None:
    """Exporters write them for what they do not know; AP by size would take a large object for a small one."""
    assert box_and_area({"segmentation": encode_mask(HAND), **given}, *HAND.shape) == read
