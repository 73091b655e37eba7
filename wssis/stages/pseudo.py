"""Stage pseudo: the training set of an arm, from full masks and rough or refined masks of the points."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from wssis.config.mask_stages import PseudoSettings
from wssis.engine.distributed import this_world
from wssis.engine.pseudo_set import PseudoMask, TrainingSet, add_rough_masks, check_frames, refined_mask
from wssis.engine.refining import check_fits, load_refiner, refine
from wssis.errors import InputError
from wssis.formats.coco import class_indices, write_coco
from wssis.formats.coco_stream import annotations_of, read_frame
from wssis.formats.crop_store import CropStore
from wssis.formats.labels_file import check_labels, checked
from wssis.formats.manifest import StageRun
from wssis.formats.spill import Spill
from wssis.geometry.crops import paste, paste_uncertain

Images = dict[int, dict[str, Any]]


def run(
    settings: PseudoSettings,
    full: Path,
    weak: Path,
    proposals: Path,
    out: Path,
    crops: Path | None = None,
    refiner: Path | None = None,
) -> None:
    """Write pseudo/{arm}.json and its manifest beside it.

    Args:
        crops: crops/weak.zarr, and
        refiner: refiner/model.safetensors: both needed for refined masks, neither for rough ones.
    """
    inputs = {"full": full, "weak": weak, "proposals": proposals}
    if settings.masks == "refined":
        if crops is None or refiner is None:
            raise InputError("refined masks need --crops and --refiner; or set masks: rough")
        inputs |= {"crops": crops, "refiner": refiner}
    with StageRun("pseudo", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        torch.set_num_threads(settings.threads)
        frame, pointed = read_frame(full), read_frame(weak)
        check_labels(frame, full)
        check_labels(pointed, weak)
        check_frames(frame, pointed)
        images = {image["id"]: image for image in pointed["images"]}
        points = checked(annotations_of(weak), pointed, weak, "point")
        with Spill[PseudoMask](out.parent, (point["id"] for point in points)) as masks:
            _add_rough(masks, images, pointed, proposals)
            if crops is not None and refiner is not None and settings.masks == "refined":
                _refine(masks, images, settings, crops, refiner)
            made = TrainingSet(frame, annotations_of(full), pointed, annotations_of(weak), masks)
            write_coco(out, made.coco())
        stage.counts.update(made.counts())
        stage.output(out)


def _add_rough(masks: Spill[PseudoMask], images: Images, weak: dict[str, Any], proposals: Path) -> None:
    """Give every weak point its rough mask."""
    frame = read_frame(proposals)
    check_labels(frame, proposals)
    if class_indices(frame) != class_indices(weak):
        raise InputError(f"{proposals}: its categories are not those of weak.json; run propose again")
    proposed = checked(annotations_of(proposals), frame, proposals, "segmentation", "point_id", "score")
    add_rough_masks(masks, proposed, images, proposals)


def _refine(masks: Spill[PseudoMask], images: Images, settings: PseudoSettings, crops: Path, checkpoint: Path) -> None:
    """Put the refined mask of every weak point that has a proposal in the place of the rough one.

    Raises:
        InputError: the store is not of these proposals, or the refiner does not fit it.
    """
    store, trained = CropStore(crops), load_refiner(checkpoint)
    check_fits(trained, store, checkpoint)
    table = store.table
    if not np.array_equal(np.sort(table.point_id), masks.filled()):
        raise InputError(f"{crops}: its crops are not those of the proposals; run the crops stage again")
    device = this_world().device
    for index, probability in refine(trained.network, store, settings.batch, settings.flip, device):
        image, point_id = images[int(table.image_id[index])], int(table.point_id[index])
        x1, y1, x2, y2 = (int(side) for side in table.window[index])
        where = (x1, y1, x2, y2), image["height"], image["width"]
        band = paste_uncertain(probability, *where, settings.ignore_band) if settings.ignore_band else None
        masks[point_id] = refined_mask(paste(probability, *where), masks[point_id], band)
