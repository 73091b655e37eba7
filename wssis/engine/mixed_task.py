"""What the training loop needs to know of a segmentor on images with masks, and others with boxes and points."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wssis.config.segmentor_stages import StudentSettings
from wssis.engine.mixed_data import MixedSamples, PointedSample, collate_mixed
from wssis.engine.segmentor_data import SegmentorBatch, SegmentorSample
from wssis.engine.segmentor_task import SegmentorTask
from wssis.models.solov2.point_loss import MixedTargets, mixed_counts, mixed_divisors, mixed_loss


class MixedTask(SegmentorTask):
    """SOLOv2 on a COCO training set and box_points.json: network, initial weights and order as with masks alone.

    The settings' supervision must be there. Their full_share is the share of every batch for images with true masks;
    boxes with points are the rest.
    """

    def __init__(
        self, settings: StudentSettings, masks: Mapping[str, Any], boxes: Mapping[str, Any], images_table: Path,
        image_dir: Path,
    ) -> None:  # fmt: skip
        super().__init__(settings, masks, images_table, image_dir, settings.full_share)
        self._weights = settings.dice_weight, settings.supervision.point_weight
        common = images_table, image_dir, settings.augmentation, settings.supervision
        self.dataset = MixedSamples(masks, boxes, *common)
        true, guessed = self._groups
        self._groups = true, [*guessed, *range(len(masks["images"]), len(self.dataset))]

    def collate(self, samples: Sequence[SegmentorSample | PointedSample]) -> SegmentorBatch[MixedTargets]:
        """Samples side by side, with their targets."""
        return collate_mixed(samples, self.settings.network, self.model.num_classes)

    def losses(self, model: nn.Module, batch: SegmentorBatch[MixedTargets]) -> dict[str, Tensor]:
        """Dice loss, cross entropy at points and focal loss; `model` is the network or what wraps it."""
        images = self.model.batch(batch.images).contiguous(memory_format=torch.channels_last)
        return mixed_loss(model(images), batch.targets, *self._weights)

    def counts(self, batch: SegmentorBatch[MixedTargets]) -> Tensor:
        """Positive pairs of both kinds, twice, and positive cells."""
        return mixed_counts(batch.targets)

    def divisors(self, counts: Tensor) -> Tensor:
        """Those of the three losses."""
        return mixed_divisors(counts)
