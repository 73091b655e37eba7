"""Stage pseudo: the training set of an arm, from full masks and rough or refined masks of the points."""

from pathlib import Path
from typing import Any

import torch

from wssis.config.stages import PseudoSettings
from wssis.engine.pseudo_set import PseudoMask, counts, proposals_by_point, refined_mask, rough_mask, training_set
from wssis.engine.refining import check_fits, load_refiner, refine
from wssis.errors import InputError
from wssis.formats.coco import read_coco, write_coco
from wssis.formats.crop_store import CropStore
from wssis.formats.manifest import StageRun
from wssis.geometry.crops import paste

Coco = dict[str, Any]


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
        labelled, pointed, proposed = read_coco(full), read_coco(weak), read_coco(proposals)
        by_point = proposals_by_point(proposed, pointed, proposals)
        masks = _rough(pointed, by_point)
        if crops is not None and refiner is not None and settings.masks == "refined":
            masks |= _refined(settings, pointed, masks, crops, refiner)
        write_coco(out, training_set(labelled, pointed, by_point, masks))
        stage.counts.update(counts(labelled, pointed, masks))
        stage.output(out)


def _rough(weak: Coco, by_point: dict[int, dict[str, Any]]) -> dict[int, PseudoMask]:
    """Rough mask of every weak point."""
    images = {image["id"]: image for image in weak["images"]}
    masks = {}
    for point in weak["annotations"]:
        image = images[point["image_id"]]
        masks[point["id"]] = rough_mask(by_point.get(point["id"]), image["height"], image["width"])
    return masks


def _refined(
    settings: PseudoSettings, weak: Coco, rough: dict[int, PseudoMask], crops: Path, checkpoint: Path
) -> dict[int, PseudoMask]:
    """Refined mask of every weak point that has a proposal.

    Raises:
        InputError: the store is not of these proposals, or the refiner does not fit it.
    """
    store, trained = CropStore(crops), load_refiner(checkpoint)
    check_fits(trained, store, checkpoint)
    table = store.table
    proposed = {point for point, mask in rough.items() if mask.outcome != "unmasked_no_proposal"}
    if set(table.point_id.tolist()) != proposed or len(table) != len(proposed):
        raise InputError(f"{crops}: its crops are not those of the proposals; run the crops stage again")
    images = {image["id"]: image for image in weak["images"]}
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    masks = {}
    for index, probability in refine(trained.network, store, settings.batch, settings.flip, device):
        image, point_id = images[int(table.image_id[index])], int(table.point_id[index])
        x1, y1, x2, y2 = (int(side) for side in table.window[index])
        mask = paste(probability, (x1, y1, x2, y2), image["height"], image["width"])
        masks[point_id] = refined_mask(mask, rough_was_empty=rough[point_id].rle is None)
    return masks
