"""True masks made as wrong as a teacher's: shifted, dilated, eroded, holed, merged with a neighbour.

For training pairs of the refiner that need no teacher. Lengths are shares of the mask's size, the root of its area.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

Mask = NDArray[np.bool_]

MOST_KINDS = 3
SHIFT = (0.05, 0.25)
GROWTH = (0.03, 0.15)
HOLE = (0.1, 0.25)


def corrupted(mask: Mask, others: Sequence[Mask], rng: Generator) -> Mask:
    """The mask (H, W) with one to three kinds of mistakes; never empty if it was not.

    Args:
        others: masks of the image's other objects; the nearest is the neighbour. Without any, nothing is merged.
        rng: decides which mistakes, and how large they are.
    """
    size = float(np.sqrt(mask.sum()))
    order = rng.permutation(len(KINDS))[: rng.integers(1, MOST_KINDS + 1)]
    made = mask
    for kind in sorted(order.tolist()):
        changed = KINDS[kind](made, size, others, rng)
        made = changed if changed.any() else made
    return made


def shifted(mask: Mask, size: float, others: Sequence[Mask], rng: Generator) -> Mask:
    """Moved in any direction by a fraction of its size, at least a pixel; what leaves the image is lost."""
    length, angle = max(1.0, size * rng.uniform(*SHIFT)), rng.uniform(0, 2 * np.pi)
    return moved(mask, round(length * np.cos(angle)), round(length * np.sin(angle)))


def moved(mask: Mask, across: int, down: int) -> Mask:
    """The mask moved by whole pixels to the right and down.

    >>> moved(np.array([[1, 0], [0, 1]], dtype=bool), 1, 0).astype(int)
    array([[0, 1],
           [0, 0]])
    """
    height, width = mask.shape
    across, down = max(-width, min(width, across)), max(-height, min(height, down))
    made = np.zeros_like(mask)
    part = mask[max(0, -down) : height - max(0, down), max(0, -across) : width - max(0, across)]
    top, left = max(0, down), max(0, across)
    made[top : top + part.shape[0], left : left + part.shape[1]] = part
    return made


def grown(mask: Mask, size: float, others: Sequence[Mask], rng: Generator) -> Mask:
    """Dilated by a disc, or eroded by one, either as likely; at least by a pixel."""
    radius, dilate = max(1.0, size * rng.uniform(*GROWTH)), rng.uniform() < 0.5
    return dilated(mask, radius) if dilate else eroded(mask, radius)


def dilated(mask: Mask, radius: float) -> Mask:
    """Every pixel within `radius` px of the mask.

    >>> dilated(np.array([[0, 1, 0, 0]], dtype=bool), 1).astype(int)
    array([[1, 1, 1, 0]])
    """
    window = _window(mask, int(radius) + 1)
    made = mask.copy()
    made[window] = distance_transform_edt(~mask[window]) <= radius
    return made


def eroded(mask: Mask, radius: float) -> Mask:
    """The pixels farther than `radius` px from every pixel that is not of the mask; the image's edge is no border.

    >>> eroded(np.array([[1, 1, 1, 0]], dtype=bool), 1).astype(int)
    array([[1, 1, 0, 0]])
    """
    if mask.all():
        return mask
    window = _window(mask, 1)
    made = np.zeros_like(mask)
    part = mask[window]
    made[window] = part if part.all() else distance_transform_edt(part) > radius
    return made


def holed(mask: Mask, size: float, others: Sequence[Mask], rng: Generator) -> Mask:
    """Without a disc around one of its pixels; at the border of the mask that is a bite."""
    rows, columns = np.nonzero(mask)
    chosen, radius = int(rng.integers(len(rows))), max(0.5, size * rng.uniform(*HOLE))
    down, across = np.ogrid[: mask.shape[0], : mask.shape[1]]
    return mask & ((down - rows[chosen]) ** 2 + (across - columns[chosen]) ** 2 > radius**2)


def merged(mask: Mask, size: float, others: Sequence[Mask], rng: Generator) -> Mask:
    """Together with its nearest neighbour, the first of several that are equally near."""
    present = [other for other in others if other.any()]
    if not present:
        return mask
    away = distance_transform_edt(~mask)
    return mask | present[int(np.argmin([away[other].min() for other in present]))]


KINDS: tuple[Callable[[Mask, float, Sequence[Mask], Generator], Mask], ...] = (merged, shifted, grown, holed)


def _window(mask: Mask, margin: int) -> tuple[slice, slice]:
    """Rows and columns of the mask's box, `margin` px wider on every side."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return tuple(slice(max(0, int(side[0]) - margin), int(side[-1]) + margin + 1) for side in (rows, columns))
