"""Outlines and strokes as pixels. Coordinates are pixel corners: the top-left pixel covers [0, 1] x [0, 1]."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from wssis.geometry.shapes.outlines import Outline, Ring

SUPERSAMPLING = 4


def _draw_rings(outline: Outline, size: int, scale: int) -> Image.Image:
    canvas = Image.new("L", (size * scale, size * scale))
    pen = ImageDraw.Draw(canvas)
    for number, ring in enumerate(outline):
        pen.polygon((ring * scale - 0.5).ravel().tolist(), fill=0 if number else 255)
    return canvas


def silhouette(outline: Outline, size: int) -> NDArray[np.bool_]:
    """Quick mask (size, size) of an outline, without anti-aliasing."""
    return np.asarray(_draw_rings(outline, size, 1)) > 0


def coverage(outline: Outline, size: int) -> NDArray[np.float32]:
    """Share of every pixel that the outline covers, (size, size) in 0 ... 1."""
    return np.asarray(_draw_rings(outline, size, SUPERSAMPLING).reduce(SUPERSAMPLING), dtype=np.float32) / 255


def stroke_coverage(lines: list[Ring], width: float, size: int) -> NDArray[np.float32]:
    """Share of every pixel that open lines of a width in px cover, (size, size) in 0 ... 1."""
    canvas = Image.new("L", (size * SUPERSAMPLING, size * SUPERSAMPLING))
    pen = ImageDraw.Draw(canvas)
    for line in lines:
        points = (line * SUPERSAMPLING - 0.5).ravel().tolist()
        pen.line(points, fill=255, width=max(1, round(width * SUPERSAMPLING)), joint="curve")
    return np.asarray(canvas.reduce(SUPERSAMPLING), dtype=np.float32) / 255
