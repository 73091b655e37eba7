"""Contact sheets: images with their masks and points, and crops of a store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from wssis.audit.sheet_parts import (
    INK,
    POINT_COLOUR,
    Cell,
    Sheet,
    check_drawable,
    chosen_images,
    evenly,
    grid,
    image_folder,
    labelled_image,
    lay_cross,
    legend_of,
    side_of,
    told_of,
)
from wssis.audit.study_files import study_around
from wssis.errors import InputError
from wssis.formats.coco_stream import annotations_of, read_frame
from wssis.formats.crop_store import CropStore
from wssis.formats.json_text import loads
from wssis.geometry.painting import lay_outline

CROPS = 12
CROP_SIDE = 150
"""Side of a crop on the sheet, px."""
LEAST_SCORE = 0.3
"""Detections below this score are not drawn."""
PREDICTIONS = ".predictions.json"
"""How a file with detections on training images ends."""
TARGET_COLOUR, ROUGH_COLOUR = (0, 220, 120), (255, 170, 0)


def coco_sheet(path: Path, image_dir: Path | None, names: Sequence[str] = ()) -> Sheet:
    """Some images of a COCO file, with masks and boxes in their class's colour, and points as crosses.

    names: file names of the images to draw; none: some, evenly from the first to the last.
    """
    frame = read_frame(path)
    chosen, told = chosen_images(path, frame["images"], names)
    groups: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in chosen}
    for one in annotations_of(path):
        if one["image_id"] in groups:
            groups[one["image_id"]].append(one)
    check_drawable(path, chosen, groups)
    folder = image_folder(path, image_dir)
    cells = [labelled_image(image, groups[image["id"]], folder, side_of(image, names)) for image in chosen]
    return grid(cells, legend_of(frame)), told


def detection_sheet(path: Path, image_dir: Path | None, names: Sequence[str] = ()) -> Sheet:
    """Some validation images, or those of these names, with the detections of score .3 and more.

    Predictions on the images that the report shows, quality/{arm}.predictions.json, are on training images.

    Raises:
        InputError: the file is in no study, which has val.json.
    """
    subset = "train.json" if path.name.endswith(PREDICTIONS) else "val.json"
    try:
        val = study_around(path) / path.resolve().relative_to(study_around(path)).parts[0] / subset
        frame = read_frame(val)
    except InputError as error:
        raise InputError(f"{path}: drawn on the images of its study's {subset}, which is not there ({error})") from None
    found: dict[int, list[dict[str, Any]]] = {}
    for one in loads(path.read_bytes()):
        if one["score"] >= LEAST_SCORE:
            found.setdefault(one["image_id"], []).append({**one, "id": 0})
    if subset == "train.json":
        frame["images"] = [image for image in frame["images"] if image["id"] in found]
    images = {image["id"]: image for image in frame["images"]}
    if set(found) - set(images):
        raise InputError(f"{path}: its images are not those of {val}; only detections.json can be drawn")
    (chosen, told), folder = chosen_images(val, frame["images"], names), image_folder(val, image_dir)
    cells = [labelled_image(image, found.get(image["id"], []), folder, side_of(image, names)) for image in chosen]
    return grid(cells, legend_of(frame)), f"{told}; detections of score {LEAST_SCORE:g} and more"


def store_sheet(path: Path, image_dir: Path | None, names: Sequence[str] = ()) -> Sheet:
    """Some crops of a store, each with its point, its rough mask, and its true mask where there is one.

    Raises:
        InputError: it has none; or images are named, which a store does not know.
    """
    if names:
        raise InputError(f"{path}: a store of crops knows no names of images; leave --image out")
    store = CropStore(path, cache_megabytes=0)
    if not len(store):
        raise InputError(f"{path}: has no crops; there is nothing to draw")
    classes = [category["name"] for category in store.layout.categories]
    cells = [_crop(store, place, classes) for place in evenly(len(store), CROPS)]
    lines = ["red: the point; orange: the rough mask"] + (["green: the true mask"] if store.layout.has_target else [])
    return grid(cells, [("; ".join(lines), INK)], across=6), told_of(len(cells), len(store), "crops")


def _crop(store: CropStore, place: int, names: Sequence[str]) -> Cell:
    pixels = store.record(place)
    picture = Image.fromarray(pixels["image"]).resize((CROP_SIDE, CROP_SIDE), Image.Resampling.BICUBIC)
    canvas = np.asarray(picture, dtype=np.float32).copy()
    for name, colour in (("rough", ROUGH_COLOUR), ("target", TARGET_COLOUR)):
        if name in pixels:
            lay_outline(canvas, pixels[name] > 0, colour)
    picture = Image.fromarray(canvas.round().astype(np.uint8))
    scale = CROP_SIDE / store.layout.size
    x, y = store.table.point[place]
    lay_cross(ImageDraw.Draw(picture), (x + 0.5) * scale, (y + 0.5) * scale, POINT_COLOUR)
    return picture, f"{place}: {names[store.table.label[place]]}"
