"""Masks and points painted onto pictures: half see-through, with an outline; pure functions of pixels.

A canvas is float32 (h, w, 3), 0-255, and is painted in place; colours are RGB, 0-255.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import binary_erosion

Colour = tuple[int, int, int]
Canvas = NDArray[np.float32]

OPACITY = 0.45
EDGE_PX = 2
"""Breadth of an outline."""
DARK, WHITE = (20, 20, 20), (255, 255, 255)
OBJECT_COLOURS = (
    (0, 158, 150), (230, 120, 30), (120, 90, 200), (220, 60, 100), (80, 150, 40), (30, 110, 200), (190, 150, 0),
    (150, 70, 40), (200, 80, 190), (0, 120, 80),
)  # fmt: skip


def object_colour(place: int) -> Colour:
    """Colour of the object at a place in its image's list: unlike those of the objects before and after it."""
    return OBJECT_COLOURS[place % len(OBJECT_COLOURS)]


def lay_mask(canvas: Canvas, mask: NDArray[np.bool_], colour: Colour) -> None:
    """Lay a mask (H, W) over the canvas (h, w, 3), which shows the same image at another scale."""
    part, inside = _box(canvas, mask)
    part[inside] = (1 - OPACITY) * part[inside] + OPACITY * np.array(colour, np.float32)
    part[_border(inside)] = colour


def lay_outline(canvas: Canvas, mask: NDArray[np.bool_], colour: Colour) -> None:
    """Lay the outline of a mask (H, W) over the canvas (h, w, 3), which shows the same image at another scale."""
    part, inside = _box(canvas, mask)
    part[_border(inside)] = colour


def lay_dot(draw: ImageDraw.ImageDraw, x: float, y: float, colour: Colour, radius: float = 4) -> None:
    """Draw a point with a white rim, visible on any ground; x, y, radius: px of the picture, corners at integers."""
    for wider, fill in ((2.5, DARK), (1.5, WHITE), (0, colour)):
        reach = radius + wider
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=fill)


def _box(canvas: Canvas, mask: NDArray[np.bool_]) -> tuple[Canvas, NDArray[np.bool_]]:
    """The part of the canvas that a mask's box covers, a view, and the mask there; of no pixels for an empty mask."""
    grey = Image.fromarray(mask.astype(np.uint8) * 255)
    inside = np.asarray(grey.resize((canvas.shape[1], canvas.shape[0]), Image.Resampling.BILINEAR)) > 127
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not rows.size:
        return canvas[:0], inside[:0]
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return canvas[window], inside[window]


def _border(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The inner border of a mask; what lies beyond the array counts as outside."""
    return inside & ~binary_erosion(inside, np.ones((3, 3), bool), iterations=EDGE_PX)
