"""Which labels of points annotators get wrong: those of random points, or of the points nearest to a boundary
(Cheng et al., "Pointly-Supervised Instance Segmentation", 3.3.1).

Coordinates are continuous, px: pixel (row, column) is the square [column, column + 1) x [row, row + 1).
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def boundary_distance(window: Mask, corner: tuple[int, int], points: Floats) -> Floats:
    """How far every point (N, 2) is from the object's boundary, px (N,): from the next pixel of the other label.

    Infinite where no pixel of the window is of the other label.

    Args:
        window: the mask in its box and one pixel around it, as far as the image goes, (h, w); beyond it no pixel is
            nearer, and the image's edge is no boundary.
        corner: column and row of the window's first pixel in the image.

    >>> boundary_distance(np.array([[True, True, False]]), (0, 0), np.array([[0.5, 0.5], [1.75, 0.5], [2.5, 0.5]]))
    array([1.5 , 0.25, 0.5 ])
    """
    places = points - np.array(corner)
    columns, rows = np.floor(places).astype(np.int64).T
    inside = window[rows, columns]
    distance = np.full(len(points), np.inf)
    for label in (True, False):
        here, (rows, columns) = inside == label, np.nonzero(binary_dilation(window == label) & (window != label))
        if rows.size and here.any():
            distance[here] = _to_squares(places[here], np.stack([columns, rows], axis=1))
    return distance


def _to_squares(points: Floats, pixels: Integers) -> Floats:
    """Distance (N,) of points (N, 2) from the nearest of some pixels (M, 2), each a square of side 1."""
    below, above = pixels[None] - points[:, None], points[:, None] - pixels[None] - 1
    return np.hypot(*np.maximum(np.maximum(below, above), 0).transpose(2, 0, 1)).min(axis=1)


def share_of(total: int, share: float) -> int:
    """How many of `total` a share (0 to 1) is, rounded to the nearest, halves up.

    >>> share_of(100, 0.05), share_of(30, 0.05), share_of(9, 0.05)
    (5, 2, 0)
    """
    return int(np.floor(total * share + 0.5))


def random_places(total: int, share: float, rng: Generator) -> Integers:
    """The places of a random share of `total` points, ascending, none twice."""
    return np.sort(rng.choice(total, share_of(total, share), replace=False))


def nearest_places(distance: Floats, share: float) -> Integers:
    """The places of the share of points with the smallest distance (P,), ascending; of equals the first.

    >>> nearest_places(np.array([3.0, 0.5, 1.0, 0.5]), 0.5).tolist()
    [1, 3]
    """
    order = np.argsort(distance, kind="stable")
    return np.sort(order[: share_of(len(distance), share)])
