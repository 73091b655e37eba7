"""Points in boxes, and their labels by a mask (Cheng et al., "Pointly-Supervised Instance Segmentation", 3.1).

Coordinates are continuous, px: pixel (row, column) is the square [column, column + 1) x [row, row + 1).
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def uniform_in_box(box: Sequence[float], number: int, rng: Generator) -> Floats:
    """`number` points, uniform in a COCO box [x, y, w, h]: float64 (number, 2) as x, y."""
    corner, size = np.asarray(box[:2], np.float64), np.asarray(box[2:], np.float64)
    return corner + rng.random((number, 2)) * size


def labels_at(mask: NDArray[np.bool_], points: Floats) -> NDArray[np.int64]:
    """1 where the pixel that a point (P, 2) lies in is set in a mask (H, W), else 0; int64 (P,).

    A point outside the image has the label of the nearest pixel.

    >>> labels_at(np.array([[0, 1], [0, 0]], dtype=bool), np.array([[0.9, 0.5], [1.0, 0.5], [2.0, -0.1]])).tolist()
    [0, 1, 1]
    """
    limits = np.array(mask.shape[::-1]) - 1
    columns, rows = np.clip(np.floor(points).astype(np.int64), 0, limits).T
    return mask[rows, columns].astype(np.int64)
