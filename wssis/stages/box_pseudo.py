"""Stage box-pseudo: an arm's training set, from full masks and the masks that a network predicts in given boxes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pycocotools import mask as mask_api

from wssis.config.box_points import BoxPseudoSettings
from wssis.engine.box_predictor import MaskInBox, load_box_segmentor, masks_in_boxes
from wssis.engine.distributed import this_world
from wssis.engine.label_places import place_of_label
from wssis.engine.predictor import check_categories
from wssis.engine.pseudo_set import OUTCOMES, PseudoMask, TrainingSet, check_frames
from wssis.engine.reproducible import reproducible
from wssis.formats.box_points import read_box_points
from wssis.formats.coco import annotations_by_image, write_coco
from wssis.formats.coco_stream import annotations_of, read_frame
from wssis.formats.image_files import image_row
from wssis.formats.images_table import read_images_table
from wssis.formats.manifest import StageRun
from wssis.formats.spill import Spill

BOXED, EMPTY = "boxed", "unmasked_box_empty"
"""Outcomes: the mask predicted in the box; none, since no pixel of the box was taken for the object."""


def run(
    settings: BoxPseudoSettings,
    full: Path,
    box_points: Path,
    model: Path,
    images_table: Path,
    image_dir: Path,
    out: Path,
) -> None:
    """Write pseudo/{arm}.json and its manifest beside it.

    Every box gets the mask that the network predicts in it for its class; where that is empty, the object stays
    without a mask (`segmentation: null`), at the place of its label, as every arm's do.

    Args:
        settings: inference.
        full: full.json of the run.
        box_points: box_points.json of the run.
        model: model.safetensors of a student that was trained on boxes with points.
        images_table: images.csv.
        image_dir: folder of the training images.
        out: the training set, of the same form as every arm's pseudo/{arm}.json.

    Raises:
        InputError: the checkpoint is of another kind or has other categories; an image is missing or has changed.
    """
    inputs = {"full": full, "box_points": box_points, "model": model, "images_table": images_table}
    with StageRun("box_pseudo", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        frame, boxed = read_frame(full), read_box_points(box_points)
        check_frames(frame, boxed)
        outcomes: Counter[str] = Counter({BOXED: 0, EMPTY: 0})
        with Spill[PseudoMask](out.parent, (one["id"] for one in boxed["annotations"])) as masks:
            for identity, found in _masks(settings, boxed, box_points, model, images_table, image_dir):
                masks[identity] = pseudo_mask(found)
                outcomes[masks[identity].outcome] += 1
            made = TrainingSet(frame, annotations_of(full), boxed, _placed(boxed), masks)
            write_coco(out, made.coco())
        stage.counts.update({key: number for key, number in made.counts().items() if key not in OUTCOMES} | outcomes)
        stage.output(out)


def _masks(
    settings: BoxPseudoSettings,
    boxed: Mapping[str, Any],
    box_points: Path,
    model: Path,
    images_table: Path,
    image_dir: Path,
) -> Iterator[tuple[int, MaskInBox]]:
    """Annotation id and mask of every box."""
    table, groups = read_images_table(images_table, "train"), annotations_by_image(boxed)
    rows = [image_row(table, image["id"], images_table) for image in boxed["images"]]
    device = this_world().device
    with reproducible(device, settings.inference.threads):
        segmentor = load_box_segmentor(model, device)
        check_categories(segmentor, boxed["categories"], model, box_points)
        for image_id, found in masks_in_boxes(segmentor, rows, groups, image_dir, settings.inference, "masks in boxes"):
            yield from zip((one["id"] for one in groups[image_id]), found, strict=True)


def pseudo_mask(found: MaskInBox) -> PseudoMask:
    """The mask of a box with the network's score of it; or none where it is empty."""
    if not mask_api.area(found.segmentation):
        return PseudoMask(None, EMPTY, found.score)
    return PseudoMask(found.segmentation, BOXED, found.score)


def _placed(boxed: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The annotations of box_points.json, each with the place of its label."""
    return ({**one, "point": place_of_label(one)} for one in boxed["annotations"])
