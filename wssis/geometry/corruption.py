"""True masks made as wrong as a teacher's: shifted, dilated, eroded, holed, merged with a neighbour.

For training pairs of the refiner that need no teacher. Lengths are shares of the mask's size, the root of its area.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

Mask = NDArray[np.bool_]
Window = tuple[slice, slice]

MOST_KINDS = 3
SHIFT = (0.05, 0.25)
GROWTH = (0.03, 0.15)
HOLE = (0.1, 0.25)


@dataclass(frozen=True)
class Neighbour:
    """A mask (H, W) that is not empty, and the window of its box: measured once, not for every object of a crowd."""

    mask: Mask
    window: Window

    @classmethod
    def of(cls, mask: Mask) -> "Neighbour":
        """With its window."""
        return cls(mask, _window(mask, 0))

    def away_from(self, window: Window) -> float:
        """Distance in px between the boxes, pixel centre to pixel centre: no pixels of the two are nearer."""
        pairs = zip(self.window, window, strict=True)
        gaps = [max(0, one.start - other.stop + 1, other.start - one.stop + 1) for one, other in pairs]
        return float(np.hypot(*gaps))


def corrupted(mask: Mask, others: Sequence[Neighbour], rng: Generator) -> Mask:
    """The mask (H, W) with one to three kinds of mistakes; never empty if it was not.

    Args:
        others: the image's other objects; the nearest is the neighbour. Without any, nothing is merged.
        rng: decides which mistakes, and how large they are.
    """
    size = float(np.sqrt(mask.sum()))
    order = rng.permutation(len(KINDS))[: rng.integers(1, MOST_KINDS + 1)]
    made = mask
    for kind in sorted(order.tolist()):
        changed = KINDS[kind](made, size, others, rng)
        made = changed if changed.any() else made
    return made


def shifted(mask: Mask, size: float, others: Sequence[Neighbour], rng: Generator) -> Mask:
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


def grown(mask: Mask, size: float, others: Sequence[Neighbour], rng: Generator) -> Mask:
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


def holed(mask: Mask, size: float, others: Sequence[Neighbour], rng: Generator) -> Mask:
    """Without a disc around one of its pixels; at the border of the mask that is a bite."""
    rows, columns = np.nonzero(mask)
    chosen, radius = int(rng.integers(len(rows))), max(0.5, size * rng.uniform(*HOLE))
    window = _window(mask, 0)
    down, across = np.ogrid[window]
    made = mask.copy()
    made[window] &= (down - rows[chosen]) ** 2 + (across - columns[chosen]) ** 2 > radius**2
    return made


def merged(mask: Mask, size: float, others: Sequence[Neighbour], rng: Generator) -> Mask:
    """Together with its nearest neighbour, the first of several that are equally near."""
    if not others:
        return mask
    here = _window(mask, 0)
    # Whatever is nearest, it is no farther than any one of them: pixels beyond need not be looked at.
    near = min(others, key=lambda other: other.away_from(here))
    reach = _distance(mask, near, _around(here, near.window))
    window = _window(mask, int(reach) + 1)
    away = distance_transform_edt(~mask[window])
    return mask | others[int(np.argmin([_least(away, other.mask[window]) for other in others]))].mask


def _distance(mask: Mask, other: Neighbour, window: Window) -> float:
    """Distance in px between the nearest pixels of the two; all pixels of both lie in the window."""
    return _least(distance_transform_edt(~mask[window]), other.mask[window])


def _least(away: NDArray[np.float64], part: Mask) -> float:
    return float(away[part].min(initial=np.inf))


def _around(one: Window, other: Window) -> Window:
    """The smallest window that holds both."""
    pairs = zip(one, other, strict=True)
    return tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in pairs)


KINDS: tuple[Callable[[Mask, float, Sequence[Neighbour], Generator], Mask], ...] = (merged, shifted, grown, holed)


def _window(mask: Mask, margin: int) -> Window:
    """Rows and columns of the mask's box, `margin` px wider on every side; it may end beyond the image."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return tuple(slice(max(0, int(side[0]) - margin), int(side[-1]) + margin + 1) for side in (rows, columns))
