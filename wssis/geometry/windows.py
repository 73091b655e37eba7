"""Crop windows around rough masks (`method.md`, MaskRefineNet, Crop).

Boxes and windows are xyxy in pixel indices with exclusive x2, y2; points are [x, y] in pixel indices.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

Window = tuple[int, int, int, int]


@dataclass(frozen=True)
class MedianBoxes:
    """Median width and height of the objects of each class, px, and of all of them for a class without objects."""

    by_class: Mapping[int, tuple[float, float]]
    overall: tuple[float, float]

    def of(self, label: int) -> tuple[float, float]:
        """Median (width, height) of class `label`, or of all classes together where it has no object."""
        return self.by_class.get(label, self.overall)


def median_boxes(boxes: Iterable[tuple[int, float, float]]) -> MedianBoxes:
    """Medians over (class index, width, height); ValueError where there is no box at all.

    >>> median_boxes([(0, 4.0, 2.0), (0, 6.0, 4.0), (1, 9.0, 9.0)]).of(0)
    (5.0, 3.0)
    >>> median_boxes([(0, 4.0, 2.0), (0, 6.0, 4.0), (1, 9.0, 9.0)]).of(7)
    (6.0, 4.0)
    """
    table = np.array(list(boxes), dtype=np.float64).reshape(-1, 3)
    if not len(table):
        raise ValueError("a median box needs at least one box")
    by_class = {int(label): _median(table[table[:, 0] == label]) for label in np.unique(table[:, 0])}
    return MedianBoxes(by_class, _median(table))


def _median(rows: np.ndarray) -> tuple[float, float]:
    width, height = np.median(rows[:, 1:], axis=0)
    return float(width), float(height)


def mask_window(
    box: tuple[int, int, int, int],
    point: tuple[float, float],
    scale: float,
    height: int,
    width: int,
    min_side: int = 1,
) -> Window:
    """Window of `scale` times the rough mask's box, clipped to the image; where the point lies outside,
    that side moves to the point -+ half a scaled side. `min_side` is the least side before clipping, px.

    The published code measures a side from first to last pixel, so a one-pixel mask has a one-pixel window.

    >>> mask_window((30, 20, 80, 60), (55, 40), 2.0, height=96, width=128)
    (5, 0, 104, 79)
    >>> mask_window((30, 30, 50, 50), (110, 40), 2.0, height=96, width=128)  # the point is right of it
    (20, 20, 128, 59)
    """
    x1, x2 = _span(box[0], box[2] - 1, point[0], scale, width, min_side)
    y1, y2 = _span(box[1], box[3] - 1, point[1], scale, height, min_side)
    return x1, y1, x2 + 1, y2 + 1


def point_window(
    point: tuple[float, float], size: tuple[float, float], scale: float, height: int, width: int
) -> Window:
    """Window of `scale` times a box of `size` (width, height) around a point without rough mask.

    >>> point_window((10.0, 10.0), (4.0, 2.0), 2.0, height=20, width=12)
    (6, 8, 12, 13)
    """
    x1, x2 = _span(point[0] - size[0] / 2, point[0] + size[0] / 2, point[0], scale, width, 1)
    y1, y2 = _span(point[1] - size[1] / 2, point[1] + size[1] / 2, point[1], scale, height, 1)
    return x1, y1, x2 + 1, y2 + 1


def _span(first: float, last: float, point: float, scale: float, length: int, min_side: int) -> tuple[int, int]:
    """First and last pixel of the window along one axis of `length` px; never empty."""
    centre = (first + last) / 2
    half = max((last - first) * scale / 2, (min_side - 1) / 2)
    low, high = _inside(centre - half, length), _inside(centre + half, length)
    if point < low:
        low = _inside(point - half, length)
    if point > high:
        high = max(_inside(point + half, length), _inside(point + 0.5, length))  # the pixel that holds the point
    return low, high


def _inside(position: float, length: int) -> int:
    """The position truncated, as published, and clipped to 0 ... length - 1."""
    return min(max(int(position), 0), length - 1)
