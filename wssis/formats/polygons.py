"""Polygons of many annotations at once: whether they lie in their images, and which of them surely have a pixel.

Legend: V corners, R rings. What these functions cannot vouch for is looked at one by one by their caller.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

FEWEST_NUMBERS = 6
"""A ring has three corners at least."""
ROUNDING = 0.2
"""How far the rasteriser may move a corner in x and in y, px: it counts in fifths of a pixel."""
STEP = 0.25
"""How far it may be off where it follows an edge through a column, px."""
SHIFT = -0.4
"""It moves every outline by this in y, px."""


@dataclass(frozen=True)
class Rings:
    """Closed rings: corners (V, 2) as x, y in px; start (R + 1) into them; frame (R, 2): images' width, height."""

    corners: Floats
    start: Integers
    frame: Integers

    @property
    def low(self) -> Floats:
        """Least x and y of every ring (R, 2)."""
        return np.minimum.reduceat(self.corners, self.start[:-1])

    @property
    def high(self) -> Floats:
        """Largest x and y of every ring (R, 2)."""
        return np.maximum.reduceat(self.corners, self.start[:-1])


def packed(rings: Sequence[object], frames: Sequence[tuple[int, int]]) -> Rings | None:
    """Rings as x, y, x, y, ... in one array, or None where one is no list of three or more pairs of numbers.

    frames: width and height of each ring's image.
    """
    numbers = array("d")
    lengths = []
    for ring in rings:
        if not isinstance(ring, list) or len(ring) < FEWEST_NUMBERS or len(ring) % 2:
            return None
        if bool in map(type, ring):
            return None
        lengths.append(len(ring) // 2)
        try:
            numbers.fromlist(ring)  # Refuses texts, which numpy would read as numbers.
        except (TypeError, OverflowError):
            return None
    start = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return Rings(np.frombuffer(numbers).reshape(-1, 2), start, np.array(frames, np.int64).reshape(-1, 2))


def in_image(rings: Rings, tolerance: float) -> Flags:
    """Whether each ring (R,) is finite and reaches at most `tolerance` px beyond its image."""
    inside = (rings.low >= -tolerance) & (rings.high <= rings.frame + tolerance)  # NaN is neither.
    return inside.all(axis=1)


def surely_filled(rings: Rings) -> Flags:
    """Whether each ring (R,) has a pixel for certain: False says nothing.

    COCO's rasteriser fills, in every pixel column, from the outline's first crossing with the column's middle to the
    second, each rounded to a whole pixel. So a ring has a pixel where one crossing is above all others by more than one
    pixel and what rounding may do. The column looked at is the one in the middle of the ring.
    """
    column = np.floor((rings.low[:, 0] + rings.high[:, 0]) / 2)
    middle = column + 0.5
    ring = np.repeat(np.arange(len(middle)), np.diff(rings.start))
    following = np.arange(1, len(rings.corners) + 1)
    following[rings.start[1:] - 1] = rings.start[:-1]
    x, beside = rings.corners[:, 0], middle[ring]
    left = x < beside
    crossing = np.flatnonzero(left != left[following])
    top, bottom = _crossed(rings.corners[crossing], rings.corners[following[crossing]], beside[crossing])
    height = rings.frame[ring[crossing], 1]
    filled = np.zeros(len(middle), bool)
    owner, start = np.unique(ring[crossing], return_index=True)
    if owner.size:
        filled[owner] = _one_above_all(np.clip(top, 0, height), np.clip(bottom, 0, height), start)
    filled[ring[np.abs(x - beside) < 1e-6]] = False  # Rounding could move such a corner across the column's middle.
    return filled & (column >= 0) & (column < rings.frame[:, 0])


def _crossed(begin: Floats, end: Floats, middle: Floats) -> tuple[Floats, Floats]:
    """Least and largest y at which the rasteriser may let edges (N, 2) cross x = middle (N,), px."""
    dx, dy = (end - begin).T
    y = begin[:, 1] + (middle - begin[:, 0]) / dx * dy + SHIFT
    wide = np.abs(dx) > 3 * ROUNDING
    steepest = np.where(wide, (np.abs(dy) + 2 * ROUNDING) / np.where(wide, np.abs(dx) - 2 * ROUNDING, 1), np.inf)
    off = STEP + ROUNDING * (1 + steepest)
    return y - off, y + off


def _one_above_all(top: Floats, bottom: Floats, start: Integers) -> Flags:
    """Whether in each group of crossings one surely ends more than a pixel above where any other may begin.

    top, bottom: (N,) bounds of each crossing; start: (G,) first crossing of every group.
    """
    size = np.diff(np.concatenate([start, [len(top)]]))
    highest = np.minimum.reduceat(bottom, start)
    group = np.repeat(np.arange(len(start)), size)
    is_highest = bottom == highest[group]
    others = np.where(is_highest, np.inf, top)
    alone = np.add.reduceat(is_highest, start, dtype=np.int64) == 1
    return alone & (size > 1) & (np.minimum.reduceat(others, start) > highest + 1)
