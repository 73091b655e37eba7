"""Contact sheets of what a data set's images are: a folder of them, one, and those that the report shows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from PIL import Image

from wssis.audit.sheet_parts import (
    IMAGES,
    Cell,
    Sheet,
    check_drawable,
    chosen_images,
    evenly,
    grid,
    image_folder,
    labelled_image,
    legend_of,
    side_of,
    told_of,
)
from wssis.audit.sheets import coco_sheet
from wssis.audit.show_data import labels_of
from wssis.errors import InputError
from wssis.formats.json_file import read_json
from wssis.formats.strays import without_strays

KINDS = {"rough": "rough", "pseudo": "pseudo", "truth": "hidden"}
"""Masks of an object in shown.json -> what the sheet calls them, from left to right."""


def folder_sheet(folder: Path, image_dir: Path | None, names: Sequence[str] = ()) -> Sheet:
    """Some images of a folder, or those of these names, as they are."""
    del image_dir  # The folder has its images.
    paths = sorted(without_strays(folder))
    places = range(len(paths)) if names else evenly(len(paths), IMAGES)
    images = [_image(number, paths[number]) for number in places]
    chosen, told = chosen_images(folder, images, names)
    told = told if names else told_of(len(chosen), len(paths), "images")
    cells = [(labelled_image(one, [], folder, side_of(one, names))[0], one["file_name"]) for one in chosen]
    return grid(cells, []), told


def _image(number: int, path: Path) -> dict[str, Any]:
    """An image as COCO has it."""
    with Image.open(path) as opened:
        return {"id": number, "file_name": path.name, "width": opened.width, "height": opened.height}


def image_sheet(path: Path, image_dir: Path | None, names: Sequence[str] = ()) -> Sheet:
    """One image, with its data set's labels where the study drew it.

    Raises:
        InputError: images are named.
    """
    if names:
        raise InputError(f"{path}: is one image; leave --image out")
    labels = labels_of(path)
    if labels is None:
        return folder_sheet(path.parent, None, [path.name])[0], "the image"
    return coco_sheet(labels, image_dir or path.parent, [path.name])[0], f"the image with its labels in {labels.name}"


def shown_sheet(path: Path, image_dir: Path | None, names: Sequence[str] = ()) -> Sheet:
    """Images that were chosen by the rule, or those of these names, a line each: rough, pseudo and hidden masks."""
    content = read_json(path)
    records = content["images"]
    chosen, told = chosen_images(path, records, names)
    if not names:
        chosen = [record for record in records if record["fair"]][:IMAGES] or chosen
        told = f"{len(chosen)} of {len(records):,} images, chosen by the rule"
    objects = [one for record in chosen for one in record["objects"]]
    kinds = [kind for kind in KINDS if any(one[kind] for one in objects)] or ["pseudo"]
    for kind in kinds:
        check_drawable(path, chosen, {record["id"]: _masks(record, kind) for record in chosen})
    folder = image_folder(path, image_dir)
    cells = [_cell(record, kind, folder, side_of(record, names)) for record in chosen for kind in kinds]
    what = ", ".join(f"{KINDS[kind]} masks" for kind in kinds)
    return grid(cells, legend_of(content), across=len(kinds)), f"{told}: {what}"


def _masks(record: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Masks of a kind on an image, as annotations with their points."""
    kept = ("category_id", "point", "area")
    return [
        {**{key: one[key] for key in kept}, "id": one["weak_id"], "segmentation": one[kind]}
        for one in record["objects"]
    ]


def _cell(record: Mapping[str, Any], kind: str, folder: Path | None, side: int) -> Cell:
    picture, told = labelled_image(record, _masks(record, kind), folder, side)
    ious = [one[f"iou_{kind}"] for one in record["objects"] if one.get(f"iou_{kind}") is not None]
    return picture, f"{told}, {KINDS[kind]}" + (f", IoU {mean(ious):.2f}" if ious else "")
