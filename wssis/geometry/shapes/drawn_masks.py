"""Masks as an annotator draws them: outlines with few, slightly misplaced corners."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from skimage.measure import approximate_polygon, find_contours

Ring = NDArray[np.float64]


def borders(mask: NDArray[np.bool_], tolerance: float) -> list[Ring]:
    """The borders of a mask (H, W) and of its holes as closed rings (N, 2) of (x, y) in pixel corners, simplified.

    Outer borders come first. A ring of fewer than three corners is left out.
    """
    rings = []
    for contour in find_contours(np.pad(mask, 1).astype(np.float32), 0.5, fully_connected="low"):
        corners = approximate_polygon(contour, tolerance)[:-1]
        if len(corners) >= 3:
            rings.append(corners[:, ::-1] - 0.5)
    return sorted(rings, key=signed_area, reverse=True)


def signed_area(ring: Ring) -> float:
    """Area of a ring of (x, y); positive for borders, negative for holes, as `borders` gives them."""
    x, y = ring[:, 0], ring[:, 1]
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) / 2)


def draw(mask: NDArray[np.bool_], deviation: float, rng: Generator) -> tuple[list[Ring], list[Ring]]:
    """Outer borders and holes of a mask, every corner off by a Gaussian of `deviation` px (less for small masks).

    Corners are kept inside the image.
    """
    height, width = mask.shape
    deviation = deviation * min(1.0, np.sqrt(mask.sum()) / 16)
    outer, holes = [], []
    for ring in borders(mask, tolerance=0.6):
        moved = ring + rng.standard_normal(ring.shape) * deviation
        (outer if signed_area(ring) > 0 else holes).append(np.clip(moved, 0, (width, height)).round(2))
    return outer, holes
