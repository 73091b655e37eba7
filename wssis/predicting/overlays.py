"""Pictures of predictions: masks in the colours of their classes, with name and score, and the points."""

import colorsys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from wssis.formats.atomic import temporary_path
from wssis.formats.coco import decode_mask
from wssis.geometry.painting import DARK, Colour, lay_dot, lay_mask
from wssis.predicting.pictures import Picture

Box = tuple[float, float, float, float]

SIDES = (512, 1280)
"""Least and most of the longer side of a picture, px: small images are enlarged, so that labels can be read."""
GOLDEN = 0.618034
QUALITY = 90
FONT_PX = 14


def class_colour(index: int) -> Colour:
    """Colour of a class index: hues far apart for neighbouring indices, for any number of classes."""
    red, green, blue = colorsys.hsv_to_rgb(index * GOLDEN % 1, (0.85, 0.65)[index // 2 % 2], (0.95, 0.75)[index % 2])
    return round(red * 255), round(green * 255), round(blue * 255)


class Painter:
    """Writes the overlays of some of the images.

    Args:
        folder: where to; an image a/b.png gives a/b.png.jpg.
        categories: {id, name} in class-index order.
        chosen: file_name of the images to paint.
        least_score: what scores less is left out.
    """

    def __init__(
        self, folder: Path, categories: Sequence[Mapping[str, Any]], chosen: Sequence[str], least_score: float
    ) -> None:
        self._folder, self._chosen, self._least_score = folder, frozenset(chosen), least_score
        self._names = {one["id"]: str(one["name"]) for one in categories}
        self._colours = {one["id"]: class_colour(index) for index, one in enumerate(categories)}
        self._font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans-Bold.ttf", FONT_PX)

    def path(self, file_name: str) -> Path:
        """Where the overlay of an image goes."""
        return self._folder / f"{file_name.lstrip('/')}.jpg"

    def wants(self, file_name: str) -> bool:
        """Whether the image is to be painted."""
        return file_name in self._chosen

    def paint(self, file_name: str, pixels: NDArray[np.uint8], found: Sequence[Mapping[str, Any]]) -> None:
        """Write the overlay of one image.

        Args:
            pixels: RGB (H, W, 3).
            found: category_id, segmentation (RLE, or None: only the point is drawn), score, and maybe point [x, y].
        """
        picture = self._picture(pixels, [one for one in found if one["score"] >= self._least_score or "point" in one])
        with temporary_path(self.path(file_name)) as temporary:
            picture.save(temporary, "JPEG", quality=QUALITY, subsampling=0)

    def _picture(self, pixels: NDArray[np.uint8], found: Sequence[Mapping[str, Any]]) -> Image.Image:
        height, width = pixels.shape[:2]
        scale = min(max(max(height, width), SIDES[0]), SIDES[1]) / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        canvas = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC), dtype=np.float32).copy()
        ordered = sorted(found, key=lambda one: one["score"])
        for one in ordered:
            if one["segmentation"]:
                lay_mask(canvas, decode_mask(one, height, width), self._colours[one["category_id"]])
        picture = Image.fromarray(canvas.round().astype(np.uint8))
        draw, taken = ImageDraw.Draw(picture), []
        for one in reversed(ordered):
            if one["segmentation"]:
                self._label(draw, one, scale, size, taken)
        for one in ordered:
            if "point" in one:
                x, y = ((side + 0.5) * scale for side in one["point"])
                _dot(draw, x, y, self._colours[one["category_id"]] if one["segmentation"] else None)
        return picture

    def _label(
        self, draw: ImageDraw.ImageDraw, one: Mapping[str, Any], scale: float, size: tuple[int, int], taken: list[Box]
    ) -> None:
        """Name and score above the mask's upper left corner, moved down where another label is."""
        text = f"{self._names[one['category_id']]} {one['score']:.2f}"
        width, height = draw.textlength(text, self._font) + 6, FONT_PX + 5
        x = max(0.0, min(one["bbox"][0] * scale, size[0] - width))
        y = max(0.0, min(one["bbox"][1] * scale - height, size[1] - height))
        while any(_meet((x, y, x + width, y + height), other) for other in taken) and y + 2 * height <= size[1]:
            y += height
        taken.append((x, y, x + width, y + height))
        colour = self._colours[one["category_id"]]
        draw.rectangle(taken[-1], fill=colour)
        light = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
        draw.text((x + 3, y + 1), text, fill=(0, 0, 0) if light > 140 else (255, 255, 255), font=self._font)


def painter_of(
    pictures: Sequence[Picture], folder: Path, categories: Sequence[Mapping[str, Any]], most: int | None, score: float
) -> Painter:
    """A painter of the first `most` pictures (None: all); what an earlier run painted of the others is removed."""
    names = [one.file_name for one in pictures]
    chosen = names[:most]
    painter = Painter(folder, categories, chosen, score)
    for name in names[len(chosen) :]:
        painter.path(name).unlink(missing_ok=True)
    return painter


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _dot(draw: ImageDraw.ImageDraw, x: float, y: float, colour: Colour | None) -> None:
    """A point; None: with a cross, for a point without a mask."""
    lay_dot(draw, x, y, colour or DARK)
    if colour is None:
        for slope in (-1, 1):
            draw.line((x - 9, y - 9 * slope, x + 9, y + 9 * slope), fill=(220, 0, 0), width=3)
