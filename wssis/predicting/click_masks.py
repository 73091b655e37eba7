"""From points to masks in memory: point-guided proposal, crop, refinement; no store in between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools import mask as mask_api

from wssis.config.mask_stages import CropsSettings
from wssis.engine.crop_plan import PlannedCrop, crop_table, plan_crops
from wssis.engine.crop_rendering import render
from wssis.engine.predictor import Segmentor, predict_pixels
from wssis.engine.proposing import PointedObject, Proposal, numbered, propose_batch
from wssis.engine.pseudo_set import NO_PROPOSAL, OUTCOMES, PseudoMask, refined_mask, rough_mask
from wssis.engine.refining import Refiner, refine
from wssis.errors import InputError
from wssis.formats.crop_store import CropLayout, CropStore, CropTable
from wssis.formats.images_table import ImageRow
from wssis.geometry.crops import paste
from wssis.geometry.windows import MedianBoxes
from wssis.predicting.clicks import Click
from wssis.predicting.recorded import PointMaskSettings

NO_WINDOW = "unmasked_no_window"
REASONS = OUTCOMES | {
    NO_WINDOW: "none: the proposal's mask is empty, and without --median-boxes-from no window around the point is known"
}
NOWHERE_MEDIANS = MedianBoxes({}, (1.0, 1.0))
"""For crops that all have a rough mask, whose windows ask for no median."""


class MemoryCrops(CropStore):
    """Crops that are in memory, as the refiner reads them from a store."""

    def __init__(self, layout: CropLayout, table: CropTable, pixels: Mapping[str, NDArray[np.uint8]]) -> None:
        self.path = Path("crops in memory")
        self.layout, self.table = layout, table
        self._pixels = dict(pixels)

    def records(self, first: int, last: int) -> dict[str, NDArray[np.uint8]]:
        """Pixels of the crops first ... last - 1: image (n, S, S, 3), rough (n, S, S), uint8."""
        return {name: values[first:last] for name, values in self._pixels.items()}

    def shards(self) -> list[tuple[int, int]]:
        """All crops at once."""
        return [(0, len(self))] if len(self) else []


@dataclass(frozen=True)
class ClickMasker:
    """Masks for points of a batch of images.

    segmentor: the teacher; refiner: None for rough masks; medians: of the classes' boxes, for
    windows around points whose rough mask is empty, or None; clicks: file_name -> points; device: the refiner's.
    """

    segmentor: Segmentor
    refiner: Refiner | None
    medians: MedianBoxes | None
    clicks: Mapping[str, Sequence[Click]]
    settings: PointMaskSettings
    device: torch.device

    def __call__(self, rows: list[ImageRow], images: Sequence[NDArray[np.uint8]]) -> list[list[dict[str, Any]]]:
        """Per image one entry for every point: point_id, category_id, point, score, outcome, segmentation (RLE or None)
        and, with a mask, bbox.
        """
        objects = {
            row.image_id: [PointedObject(one.id, one.category_id, one.point) for one in self.clicks[row.file_name]]
            for row in rows
        }
        proposals = self.settings.proposals
        batch = predict_pixels(self.segmentor, rows, images, proposals.inference, proposals.flip)
        proposed = propose_batch(batch, self.segmentor.categories, "teacher", objects, proposals)
        return [self._masks(own, image) for (_, own), image in zip(proposed, images, strict=True)]

    def _masks(self, proposals: Sequence[Proposal], image: NDArray[np.uint8]) -> list[dict[str, Any]]:
        """Entries of the points of one image, in their order."""
        height, width = image.shape[:2]
        annotations, rows = numbered(proposals, 1)
        masks = {one["point_id"]: rough_mask(one, height, width) for one in annotations}
        if self.refiner is not None:
            masks = self._refined(annotations, masks, image, self.refiner)
        return [
            _entry(row.point_id, row.category_id, (row.x, row.y), masks.get(row.point_id, NO_PROPOSAL)) for row in rows
        ]

    def _refined(
        self,
        annotations: Sequence[dict[str, Any]],
        rough: Mapping[int, PseudoMask],
        image: NDArray[np.uint8],
        refiner: Refiner,
    ) -> dict[int, PseudoMask]:
        """Point id -> refined mask, for the proposals of one image."""
        if not annotations:
            return {}
        height, width = image.shape[:2]
        frame = {"images": [{"id": annotations[0]["image_id"], "height": height, "width": width}],
                 "categories": list(self.segmentor.categories)}  # fmt: skip
        usable = [one for one in annotations if self.medians is not None or rough[one["point_id"]].rle is not None]
        settings = self.settings.crops
        crops = plan_crops({**frame, "annotations": usable}, self.medians or NOWHERE_MEDIANS, None, settings)
        table = crop_table(crops, {**frame, "annotations": annotations}, settings.size)
        store = MemoryCrops(_layout(settings, refiner), table, _pixels(crops, image, settings))
        made = {i: PseudoMask(None, NO_WINDOW, one.score) for i, one in rough.items()}
        for index, probability in refine(
            refiner.network, store, self.settings.batch, self.settings.flip, self.device, shown=False
        ):
            crop = crops[index]
            mask = paste(probability, crop.window, height, width)
            made[crop.point_id] = refined_mask(mask, rough[crop.point_id])
        return made


def check_pair(teacher: Sequence[Mapping[str, Any]], refiner: Refiner, path: Path) -> None:
    """Refuse a refiner of other categories than the teacher's.

    Raises:
        InputError: names the refiner's file at `path` and both.
    """
    trained, given = [one["id"] for one in refiner.categories], [one["id"] for one in teacher]
    if trained != given:
        raise InputError(f"{path}: trained with category ids {trained}, the teacher with {given}; take a pair")


def _layout(settings: CropsSettings, refiner: Refiner) -> CropLayout:
    return CropLayout(
        size=settings.size,
        shard_records=1,
        has_target=False,
        categories=refiner.categories,
        heatmap_sigma=settings.heatmap_sigma,
        heatmap_radius=settings.heatmap_radius,
        soft=settings.rough == "soft",
    )


def _pixels(
    crops: Sequence[PlannedCrop], image: NDArray[np.uint8], settings: CropsSettings
) -> dict[str, NDArray[np.uint8]]:
    rendered = [render(crop, image, settings) for crop in crops]
    return {name: np.stack([one[name] for one in rendered]) for name in ("image", "rough")} if rendered else {}


def _entry(point_id: int, category_id: int, point: tuple[float, float], mask: PseudoMask) -> dict[str, Any]:
    entry = {"point_id": point_id, "category_id": category_id, "point": list(point), "score": mask.score,
             "outcome": mask.outcome, "segmentation": mask.rle}  # fmt: skip
    if mask.rle is None:
        return entry
    return {**entry, "bbox": [int(side) for side in mask_api.toBbox(mask.rle)], "area": int(mask_api.area(mask.rle))}
