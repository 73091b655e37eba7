"""Where a person would click in an object.

A point is [x, y] in pixel indices: (0, 0) is the centre of the top-left pixel.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

Point = tuple[float, float]
Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]


def centroid(mask: Mask) -> Point:
    """Centre of mass of a mask (H, W); it may lie outside a concave one.

    >>> centroid(np.array([[1, 1, 1], [1, 0, 0]], dtype=bool))
    (0.75, 0.25)
    """
    rows, columns = np.nonzero(mask)
    return float(columns.mean()), float(rows.mean())


def span_centroids(first: Integers, last: Integers, start: Integers, heights: Integers) -> NDArray[np.float64]:
    """`centroid` of N masks given as spans of pixels, numbered down the columns: (N, 2), equal to the last bit.

    Args:
        first, last: (S,) of every span, the last exclusive.
        start: (N + 1,), spans of mask i are start[i] ... start[i + 1] - 1; at least one each.
        heights: (N,) of the images, px.

    >>> span_centroids(np.array([0, 2, 4]), np.array([2, 3, 5]), np.array([0, 3]), np.array([2])).tolist()
    [[0.75, 0.25]]
    """
    height = np.repeat(heights, np.diff(start))
    columns, rows = (
        end - begin for end, begin in zip(_sums_below(last, height), _sums_below(first, height), strict=True)
    )
    # Sums of integers are exact, so the order of summation cannot show.
    area, *sums = (np.add.reduceat(values, start[:-1]) for values in (last - first, columns, rows))
    return np.stack(sums, axis=1) / area[:, None]


def _sums_below(pixel: Integers, height: Integers) -> tuple[Integers, Integers]:
    """Sums of the columns and of the rows of all pixels 0 ... pixel - 1, numbered down the columns."""
    column = pixel // height
    row = pixel - column * height
    columns = height * (column * (column - 1) // 2) + row * column
    return columns, column * (height * (height - 1) // 2) + row * (row - 1) // 2


def span_mask(first: Integers, last: Integers, height: int) -> tuple[Mask, tuple[int, int]]:
    """The part of a mask that holds all its pixels, (h, w), and column and row in the image of its top-left pixel.

    first, last: (S,) spans of pixels numbered down the columns of an image of `height`, last exclusive, in order.
    """
    left, right = int(first[0]) // height, (int(last[-1]) - 1) // height + 1
    change = np.zeros((right - left) * height + 1, np.int8)
    np.add.at(change, first - left * height, 1)
    np.add.at(change, last - left * height, -1)
    whole = np.cumsum(change[:-1], dtype=np.int8).view(np.bool_).reshape(right - left, height).T
    rows = np.flatnonzero(whole.any(axis=1))
    return whole[rows[0] : rows[-1] + 1], (left, int(rows[0]))


def interior(mask: Mask) -> Point:
    """The pixel of a mask (H, W) that is farthest from its border; of equals the one nearest to the centroid.

    The image's edge counts as a border.

    >>> interior(np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 0]], dtype=bool))
    (1.0, 1.0)
    """
    rows, columns = np.nonzero(mask)
    top, left = int(rows.min()), int(columns.min())
    part = mask[top : rows.max() + 1, left : columns.max() + 1]
    depth = ndimage.distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1]
    rows, columns = np.nonzero(depth >= depth.max() - 1e-6)
    x, y = centroid(part)
    best = np.argmin((columns - x) ** 2 + (rows - y) ** 2)
    return float(columns[best] + left), float(rows[best] + top)


def uniform(mask: Mask, rng: Generator) -> Point:
    """The centre of a pixel of a mask (H, W), all pixels alike."""
    rows, columns = np.nonzero(mask)
    chosen = rng.integers(rows.size)
    return float(columns[chosen]), float(rows[chosen])


def drifted(point: Point, deviation: float, height: int, width: int, rng: Generator) -> Point:
    """The point off by a Gaussian of `deviation` px, but not beyond the centres of the image's border pixels."""
    x, y = np.asarray(point) + rng.standard_normal(2) * deviation
    return float(np.clip(x, 0, width - 1)), float(np.clip(y, 0, height - 1))


def simulate(mask: Mask, strategy: str, drift: float, rng: Generator) -> Point:
    """One point for a mask (H, W).

    Args:
        strategy: "centroid", "interior" or "random".
        drift: standard deviation, px; 0 for none.

    Raises:
        ValueError: the mask is empty, or the strategy unknown.
    """
    if not mask.any():
        raise ValueError("an empty mask has no point")
    match strategy:
        case "centroid":
            point = centroid(mask)
        case "interior":
            point = interior(mask)
        case "random":
            point = uniform(mask, rng)
        case _:
            raise ValueError(f"unknown strategy {strategy!r}; centroid, interior and random exist")
    return drifted(point, drift, *mask.shape, rng) if drift else point
