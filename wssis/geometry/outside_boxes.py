"""Points outside of boxes: what is known to be background without asking anyone.

N boxes, P points each. Coordinates are continuous, px: pixel (row, column) is [column, column + 1) x [row, row + 1).
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def uniform_outside_boxes(boxes: Floats, size: tuple[int, int], number: int, rng: Generator) -> Floats:
    """Points drawn uniformly from what each box leaves of the image: float64 (N, P, 2), x, y; NaN if that is nothing.

    Around a box lie four rectangles: above and below it, as wide as the image, and at its left and right. One is drawn
    by its area, and then a place in it.

    Args:
        boxes: float64 (N, 4), xyxy, within the image.
        size: height and width of the image, px.
        number: P.
    """
    around = _around(np.asarray(boxes, np.float64).reshape(-1, 4), *size)
    areas = np.prod(around[..., 2:] - around[..., :2], axis=-1)
    ends = areas.cumsum(1)
    draws = rng.random((len(around), number, 3))
    # The first rectangle whose end lies beyond the draw: one without area never is.
    which = (draws[..., :1] * ends[:, None, -1:] >= ends[:, None]).sum(-1).clip(max=3)
    chosen = np.take_along_axis(around, which[..., None], axis=1)
    points = chosen[..., :2] + draws[..., 1:] * (chosen[..., 2:] - chosen[..., :2])
    return np.where(ends[:, None, -1:] > 0, points, np.nan)


def _around(boxes: Floats, height: int, width: int) -> Floats:
    """The rectangles above, left of, right of and below each box: float64 (N, 4, 4), xyxy."""
    left, top, right, bottom = boxes.T
    none, wide, high = np.zeros(len(boxes)), np.full(len(boxes), width), np.full(len(boxes), height)
    sides = [(none, none, wide, top), (none, top, left, bottom), (right, top, wide, bottom), (none, bottom, wide, high)]
    return np.stack([np.stack(side, axis=-1) for side in sides], axis=1)
