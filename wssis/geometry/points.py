"""Where a person would click in an object.

A point is [x, y] in pixel indices: (0, 0) is the centre of the top-left pixel.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

Point = tuple[float, float]
Mask = NDArray[np.bool_]


def centroid(mask: Mask) -> Point:
    """Centre of mass of a mask (H, W); it may lie outside a concave one.

    >>> centroid(np.array([[1, 1, 1], [1, 0, 0]], dtype=bool))
    (0.75, 0.25)
    """
    rows, columns = np.nonzero(mask)
    return float(columns.mean()), float(rows.mean())


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
