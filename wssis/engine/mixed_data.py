"""Training samples of a segmentor on two kinds of images: with masks, and with boxes and labelled points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wssis.config.network import SOLOv2Settings
from wssis.config.point_supervision import PointSupervision
from wssis.config.training import AugmentationSettings
from wssis.engine.box_data import BoxSample, BoxSamples
from wssis.engine.box_objects import BoxObjects
from wssis.engine.segmentor_data import CACHE_MEGABYTES, SegmentorBatch, SegmentorSample, SegmentorSamples
from wssis.geometry.outside_boxes import uniform_outside_boxes
from wssis.models.maskrcnn.targets import IGNORED
from wssis.models.solov2.network import padded_size
from wssis.models.solov2.point_loss import MixedTargets
from wssis.models.solov2.point_targets import PointedObjects, build_point_targets
from wssis.models.solov2.targets import build_targets

OUTSIDE_STREAM = 1
"""Of a sample's seed: points outside of boxes. What is drawn before is the same with and without them."""

MOST_OUTSIDE = 10.0
"""Largest weight of an object's points outside of its box: a small one on a large image would outweigh all others."""


@dataclass(frozen=True)
class PointedSample:
    """One image with boxes and points: RGB uint8 (3, h, w), its objects, and its id."""

    image: Tensor
    objects: PointedObjects
    image_id: int


class MixedSamples:
    """The images with masks and, after them, those with boxes and points; a function of index and seed alone.

    Image, boxes and points get one placement, as masks do. A box that an augmentation cuts is clipped. An object keeps
    its box also where all its points are cut off: its category still learns, its mask does not.

    Args:
        masks: COCO training set, as `SegmentorSamples` takes it.
        boxes: box_points.json; no image of it is in `masks`, and both have the same categories.
        images_table, image_dir, settings: see `SegmentorSamples`.
        supervision: how many points there are in a sample.

    Raises:
        InputError: see `SegmentorSamples` and `BoxSamples`.
    """

    def __init__(
        self, masks: Mapping[str, Any], boxes: Mapping[str, Any], images_table: Path, image_dir: Path,
        settings: AugmentationSettings, supervision: PointSupervision,
    ) -> None:  # fmt: skip
        common, half = (images_table, image_dir, settings), CACHE_MEGABYTES / 2
        self._masks = SegmentorSamples(masks, *common, cache_megabytes=half)
        self._boxes = BoxSamples(boxes, *common, supervision.point_share, cache_megabytes=half)
        self._outside = supervision.outside_points

    def __len__(self) -> int:
        return len(self._masks) + len(self._boxes)

    def __getitem__(self, key: tuple[int, int]) -> SegmentorSample | PointedSample:
        index, seed = key
        if index < len(self._masks):
            return self._masks[index, seed]
        sample: BoxSample = self._boxes[index - len(self._masks), seed]
        generator = np.random.default_rng([seed, OUTSIDE_STREAM])
        objects = with_outside(sample.objects, tuple(sample.image.shape[-2:]), self._outside, generator)
        return PointedSample(sample.image, objects, sample.image_id)


def with_outside(
    objects: BoxObjects, size: tuple[int, int], number: int, generator: np.random.Generator
) -> PointedObjects:
    """The objects of a sample of (height, width) `size`, with `number` background points outside of each box behind its
    own.

    Weights are those of a cross entropy of all pixels of the sample, per pixel of the box: the object's own points
    stand for its box and weigh 1 together; those outside stand for the rest and weigh as many times more as that is
    larger, up to `MOST_OUTSIDE`.

    An object without a point of its own gets none: from background alone it would learn that it is not there.
    """
    own = objects.labels != IGNORED
    drawn = uniform_outside_boxes(objects.boxes.double().numpy(), size, number, generator)
    outside = own.any(1, keepdim=True) & ~torch.from_numpy(np.isnan(drawn).any(-1))
    areas = (objects.boxes[:, 2:] - objects.boxes[:, :2]).prod(1, keepdim=True)
    rest = (size[0] * size[1] / areas.clamp(min=1) - 1).clamp(max=MOST_OUTSIDE)
    return PointedObjects(
        boxes=objects.boxes,
        labels=objects.classes,
        points=torch.cat([objects.points, torch.from_numpy(np.nan_to_num(drawn)).float()], 1),
        point_labels=torch.cat([objects.labels, torch.where(outside, 0.0, float(IGNORED))], 1),
        point_weights=torch.cat([_shares(own), rest * _shares(outside)], 1),
    )


def _shares(there: Tensor) -> Tensor:
    """bool (N, P) -> float32 (N, P): 1 over their number where there are any, else 0."""
    return there / there.sum(1, keepdim=True).clamp(min=1)


def collate_mixed(
    samples: Sequence[SegmentorSample | PointedSample], settings: SOLOv2Settings, num_classes: int
) -> SegmentorBatch[MixedTargets]:
    """Samples side by side, those with masks first; the images are padded to one size on the device."""
    masked = [sample for sample in samples if isinstance(sample, SegmentorSample)]
    pointed = [sample for sample in samples if isinstance(sample, PointedSample)]
    padded = padded_size([tuple(sample.image.shape[-2:]) for sample in samples])
    common = settings, num_classes, padded
    masks = build_targets([sample.instances for sample in masked], *common) if masked else None
    points = build_point_targets([sample.objects for sample in pointed], *common) if pointed else None
    both = [*masked, *pointed]
    return SegmentorBatch(
        [sample.image for sample in both], MixedTargets(masks, points), [sample.image_id for sample in both]
    )
