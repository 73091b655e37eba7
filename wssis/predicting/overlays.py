"""Pictures of predictions: every mask in a colour of its own, with name and score, and the points."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from wssis.errors import InputError
from wssis.formats.atomic import temporary_path
from wssis.formats.coco import decode_mask
from wssis.formats.text_font import text_font
from wssis.geometry.painting import DARK, Colour, lay_dot, lay_mask, object_colour
from wssis.predicting.label_places import LabelPlaces
from wssis.predicting.pictures import Picture

SIDES = (512, 1280)
"""Least and most of the longer side of a picture, px: small images are enlarged, so that labels can be read."""
QUALITY = 90
FONT_PX = 11
SUFFIX = ".jpg"


def overlay_name(file_name: str, others: frozenset[str]) -> str:
    """Where the overlay of an image goes: no two of `others`, the file names of all images, share a place.

    >>> [overlay_name(one, frozenset(["a.jpg", "a.png"])) for one in ("a.jpg", "a.png")]
    ['a.jpg', 'a.png.jpg']
    """
    path = PurePosixPath(file_name)
    name = file_name.lstrip("/")
    # The overlay of an image "a.png" beside an image "a.png.jpg" would have the latter's name.
    is_free = str(path.with_suffix("")) not in others
    return name if path.suffix.lower() in (SUFFIX, ".jpeg") and is_free else f"{name}{SUFFIX}"


class Painter:
    """Writes the overlays of some of the images.

    Args:
        folder: where to; see `overlay_name`.
        categories: {id, name}.
        names: file_name of all images.
        chosen: file_name of the images to paint.
        least_score: what scores less is left out.
    """

    def __init__(
        self,
        folder: Path,
        categories: Sequence[Mapping[str, Any]],
        names: Sequence[str],
        chosen: Sequence[str],
        least_score: float,
    ) -> None:
        self._folder, self._least_score = folder, least_score
        self._all, self._chosen = frozenset(names), frozenset(chosen)
        self._names = {one["id"]: str(one["name"]) for one in categories}
        self._font = text_font(FONT_PX)

    def path(self, file_name: str) -> Path:
        """Where the overlay of an image goes."""
        return self._folder / overlay_name(file_name, self._all)

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
        ordered, places = sorted(found, key=lambda one: one["score"]), LabelPlaces(size)
        colours = _colours(ordered)
        for one, colour in zip(ordered, colours, strict=True):
            if one["segmentation"]:
                mask = decode_mask(one, height, width)
                lay_mask(canvas, mask, colour)
                places.add_object(mask)
        picture = Image.fromarray(canvas.round().astype(np.uint8))
        draw = ImageDraw.Draw(picture)
        for one, colour in zip(reversed(ordered), reversed(colours), strict=True):
            if one["segmentation"]:
                self._label(draw, one, colour, scale, places)
        for one, colour in zip(ordered, colours, strict=True):
            if "point" in one:
                x, y = ((side + 0.5) * scale for side in one["point"])
                _dot(draw, x, y, colour if one["segmentation"] else None)
        return picture

    def _label(
        self, draw: ImageDraw.ImageDraw, one: Mapping[str, Any], colour: Colour, scale: float, places: LabelPlaces
    ) -> None:
        """Name and score beside the mask, where there is room; the name where there are several classes."""
        name = f"{self._names[one['category_id']]} " if len(self._names) > 1 else ""
        text = f"{name}{one['score']:.2f}"
        x, y, width, height = (side * scale for side in one["bbox"])
        taken = places.place((x, y, x + width, y + height), round(draw.textlength(text, self._font)) + 4, FONT_PX + 3)
        draw.rectangle((taken[0], taken[1], taken[2] - 1, taken[3] - 1), fill=colour)
        light = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
        fill = (0, 0, 0) if light > 140 else (255, 255, 255)
        draw.text((taken[0] + 2, taken[1]), text, fill=fill, font=self._font)


def _colours(found: Sequence[Mapping[str, Any]]) -> list[Colour]:
    """A colour for each object, from left to right: so objects that touch have different ones."""
    by_place = sorted(range(len(found)), key=lambda index: (found[index].get("bbox") or found[index]["point"])[0])
    colours = {index: object_colour(place) for place, index in enumerate(by_place)}
    return [colours[index] for index in range(len(found))]


def painter_of(
    pictures: Sequence[Picture], folder: Path, categories: Sequence[Mapping[str, Any]], most: int | None, score: float
) -> Painter:
    """A painter of the first `most` pictures (None: all); what an earlier run painted of the others is removed.

    Raises:
        InputError: an image lies where its overlay would go.
    """
    names = [one.file_name for one in pictures]
    chosen = names[:most]
    painter = Painter(folder, categories, names, chosen, score)
    for one in pictures:
        if one.path.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{one.path}: lies in {folder}, where the overlays go; give another --out")
    for name in names[len(chosen) :]:
        painter.path(name).unlink(missing_ok=True)
    return painter


def _dot(draw: ImageDraw.ImageDraw, x: float, y: float, colour: Colour | None) -> None:
    """A point; None: with a cross, for a point without a mask."""
    lay_dot(draw, x, y, colour or DARK)
    if colour is None:
        for slope in (-1, 1):
            draw.line((x - 9, y - 9 * slope, x + 9, y + 9 * slope), fill=(220, 0, 0), width=3)
