"""What contact sheets are drawn with: which images, where they are, their labels on them, and the grid."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from PIL import Image, ImageDraw

from wssis.audit.study_files import study_around
from wssis.errors import InputError, refuse
from wssis.formats.coco import decode_mask
from wssis.formats.coco_check import annotation_problems, is_sized
from wssis.formats.remark import Fault
from wssis.formats.text_font import text_font
from wssis.geometry.painting import DARK, WHITE, Colour, lay_mask

IMAGES, ACROSS = 12, 4
SIDE = 260
"""Longer side of an image on the sheet, px."""
NAMED_SIDES = 520, 1000
"""Least and largest longer side, px, of images that were asked for by name; between, they have their own size."""
GAP, LINE = 6, 15
FONT = text_font(10)
GROUND, INK = (255, 255, 255), (40, 40, 40)
NO_IMAGE = 225
"""Grey of an image that is not there."""
ARM_PX = 4
"""Length of a cross's arms, px."""
PALETTE = tuple(tuple(int(255 * part) for part in colour[:3]) for colour in colormaps["tab20"].colors)
POINT_COLOUR, ON_OBJECT = (255, 60, 60), (0, 170, 80)
Cell = tuple[Image.Image, str]
Sheet = tuple[Image.Image, str]
"""A picture, and words that say what of the artifact it shows."""


def check_drawable(
    path: Path, images: Sequence[Mapping[str, Any]], groups: Mapping[int, Sequence[Mapping[str, Any]]]
) -> None:
    """Refuse what cannot be drawn: an unsound mask may keep what rasterises it busy for ever.

    Raises:
        InputError: all problems of the images' sizes, and of their masks and boxes.
    """
    sizes = [image for image in images if not is_sized(image)]
    problems = [f"image {image['id']}: its size is no size of an image; correct it" for image in sizes]
    for image in (image for image in images if is_sized(image)):
        for one in groups[image["id"]]:
            problems += [f"annotation {one.get('id')}: {fault}" for fault in _faults(one, image)]
    refuse([f"{path}: {problem}" for problem in problems])


def _faults(annotation: Mapping[str, Any], image: Mapping[str, Any]) -> list[Fault]:
    """Of what is drawn; a missing mask is none, and it has a colour whatever the file's categories are."""
    drawn = {key: annotation[key] for key in ("segmentation", "bbox", "area") if annotation.get(key)}
    frame = image if "segmentation" in drawn else None
    return list(annotation_problems({**drawn, "id": 0, "category_id": 0}, frame, (0,), "drop"))


def evenly(count: int, wanted: int) -> list[int]:
    """Places of as many of `count` things as are wanted, evenly from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int)).tolist()


def chosen_images(
    path: Path, images: Sequence[dict[str, Any]], names: Sequence[str]
) -> tuple[list[dict[str, Any]], str]:
    """The images to draw, and how they were chosen.

    Raises:
        InputError: there are none, or none of such a name.
    """
    if not images:
        raise InputError(f"{path}: has no images; there is nothing to draw")
    if not names:
        chosen = [images[place] for place in evenly(len(images), IMAGES)]
        return chosen, told_of(len(chosen), len(images), "images")
    named = {name: [image for image in images if name in _names_of(image)] for name in names}
    for name, found in named.items():
        if not found:
            raise InputError(f"{path}: has no image {name}; give --image its file_name, such as {_example(images)}")
    found = {image["id"]: image for one in named.values() for image in one}
    return list(found.values()), f"{len(found)} of {len(images):,} images, as named"


def _names_of(image: Mapping[str, Any]) -> tuple[str, str, str]:
    """What an image may be called: its file's name with or without its folder, or without its suffix."""
    path = Path(image["file_name"])
    return image["file_name"], path.name, path.stem


def _example(images: Sequence[Mapping[str, Any]]) -> str:
    return str(images[0]["file_name"])


def told_of(shown: int, of: int, what: str) -> str:
    """How many of how many are shown, in words."""
    return f"all {of:,} {what}" if shown == of else f"{shown} of {of:,} {what}, evenly from the first to the last"


def side_of(image: Mapping[str, Any], names: Sequence[str]) -> int:
    """Longer side of an image on the sheet, px: one that was asked for by name has its own size, within limits."""
    least, most = NAMED_SIDES
    return min(max(least, image["width"], image["height"]), most) if names else SIDE


def lay_cross(draw: ImageDraw.ImageDraw, x: float, y: float, colour: Colour) -> None:
    """A point as a cross of lines of one pixel, which hides little of a small object; corners are at integers.

    The ends of its arms are white and dark: they show on any ground where it is.
    """
    column, row = int(x), int(y)
    for reach, fill in ((ARM_PX + 2, DARK), (ARM_PX + 1, WHITE), (ARM_PX, colour)):
        draw.line((column - reach, row, column + reach, row), fill=fill)
        draw.line((column, row - reach, column, row + reach), fill=fill)


def legend_of(frame: Mapping[str, Any]) -> list[tuple[str, Colour]]:
    """Names of the first categories in their colours."""
    return [(one["name"], _colour(one["id"])) for one in frame["categories"][:20]]


def _colour(category: int) -> Colour:
    # Even places of the palette are its strong colours.
    place = category % len(PALETTE)
    return PALETTE[(2 * place) % len(PALETTE) + (2 * place) // len(PALETTE)]


def image_folder(path: Path, given: Path | None) -> Path | None:
    """The folder of the images: as given, or as the study drew them; None where there is none."""
    if given is not None:
        return given
    try:
        study = study_around(path)
    except InputError:
        return None
    dataset = path.resolve().relative_to(study).parts[0]
    folder = study / dataset / "images" / ("val" if path.name == "val.json" else "train")
    return folder if folder.is_dir() else None


def labelled_image(
    image: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]], folder: Path | None, side: int
) -> Cell:
    """An image with its masks, boxes and points, so many px at its longer side, and how many objects it has."""
    scale = side / max(image["width"], image["height"])
    size = round(image["width"] * scale), round(image["height"] * scale)
    canvas = np.asarray(_read(image, folder).resize(size, Image.Resampling.BICUBIC), dtype=np.float32).copy()
    for one in sorted(annotations, key=lambda one: -(one.get("area") or 0)):
        if one.get("segmentation"):
            lay_mask(canvas, decode_mask(one, image["height"], image["width"]), _colour(one["category_id"]))
    picture = Image.fromarray(canvas.round().astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for one in annotations:
        if one.get("point"):
            x, y = one["point"]
            lay_cross(draw, (x + 0.5) * scale, (y + 0.5) * scale, _colour(one["category_id"]))
        if "point_coords" in one:
            _box_with_points(draw, one, scale)
    unmasked = sum(not one.get("segmentation") for one in annotations)
    number = len(annotations)
    without = f", {unmasked} without mask" if 0 < unmasked < number else ""
    return picture, f"{Path(image['file_name']).name}: {number} object{'' if number == 1 else 's'}{without}"


def _box_with_points(draw: ImageDraw.ImageDraw, one: Mapping[str, Any], scale: float) -> None:
    """A box in its class's colour, and its points: green on the object, red beside it; continuous coordinates."""
    x, y, width, height = (side * scale for side in one["bbox"])
    draw.rectangle((x, y, x + width - 1, y + height - 1), outline=_colour(one["category_id"]), width=2)
    for (left, top), label in zip(one["point_coords"], one["point_labels"], strict=True):
        lay_cross(draw, left * scale, top * scale, ON_OBJECT if label else POINT_COLOUR)


def _read(image: Mapping[str, Any], folder: Path | None) -> Image.Image:
    if folder is None:
        return Image.new("RGB", (image["width"], image["height"]), (NO_IMAGE,) * 3)
    path = folder / image["file_name"]
    try:
        with Image.open(path) as opened:
            return opened.convert("RGB")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error}); correct --image-dir") from None


def grid(cells: Sequence[Cell], legend: Sequence[tuple[str, Colour]], across: int = ACROSS) -> Image.Image:
    """Pictures with captions in rows, and a legend of coloured words below."""
    width = max(picture.width for picture, _ in cells) + GAP
    height = max(picture.height for picture, _ in cells) + LINE + GAP
    rows = -(-len(cells) // across)
    sheet_width = min(len(cells), across) * width + GAP
    words = _placed(legend, sheet_width)
    below = words[-1][1] + LINE + GAP if words else 0
    sheet = Image.new("RGB", (sheet_width, rows * height + GAP + below), GROUND)
    draw = ImageDraw.Draw(sheet)
    for place, (picture, caption) in enumerate(cells):
        left, top = GAP + place % across * width, GAP + place // across * height
        sheet.paste(picture, (left, top))
        draw.text((left, top + picture.height + 1), caption, fill=INK, font=FONT)
    for (left, top), (text, colour) in zip(words, legend, strict=True):
        draw.text((left, rows * height + GAP + top), text, fill=colour, font=FONT)
    return sheet


def _placed(legend: Sequence[tuple[str, Colour]], width: int) -> list[tuple[int, int]]:
    """Left and top of every word of the legend, in lines."""
    places, left, top = [], GAP, 0
    measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    for text, _ in legend:
        length = int(measure.textlength(text, font=FONT)) + 2 * GAP
        if left > GAP and left + length > width:
            left, top = GAP, top + LINE
        places.append((left, top))
        left += length
    return places
