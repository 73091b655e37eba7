"""The box branch: which class each proposal is, and where its box really lies; on torchvision's RoIHeads.

torchvision counts classes from 1, 0 being the background; everywhere else here classes count from 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss

from wssis.config.maskrcnn import MaskRCNNSettings
from wssis.models.maskrcnn.pooling import pool
from wssis.models.maskrcnn.proposals import CROWD_SHARE
from wssis.models.maskrcnn.targets import BoxTargets, covered

SIDE = 7


@dataclass(frozen=True)
class Matched:
    """Proposals that show an object: boxes per image (N_b, 4), xyxy in px; classes int64 (N,), 0-based; objects int64
    (N,): the object each shows, among those of the batch."""

    boxes: list[Tensor]
    classes: Tensor
    objects: Tensor

    @property
    def counts(self) -> list[int]:
        """Proposals of each image."""
        return [len(own) for own in self.boxes]


@dataclass(frozen=True)
class FoundBoxes:
    """One image's detections, best first: boxes float32 (N, 4), xyxy in px; scores float32 (N,); labels int64 (N,)."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor


class BoxBranch(RoIHeads):
    """Class and box of proposals."""

    def __init__(self, settings: MaskRCNNSettings, num_classes: int) -> None:
        width = settings.box_channels
        super().__init__(
            None, TwoMLPHead(settings.fpn_channels * SIDE**2, width), FastRCNNPredictor(width, num_classes + 1),
            0.5, 0.5, settings.rois, 0.25, None, 0.05, 0.5, 100,
        )  # fmt: skip

    def _predict(self, pyramid: Sequence[Tensor], boxes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Class logits (N, C + 1) and box deltas (N, 4 (C + 1)) of boxes."""
        logits, deltas = self.box_predictor(self.box_head(pool(pyramid, boxes, SIDE)))
        return logits.float(), deltas.float()

    def losses(
        self, pyramid: Sequence[Tensor], proposals: list[Tensor], targets: BoxTargets
    ) -> tuple[Matched, dict[str, Tensor]]:
        """The proposals that show objects, those drawn for the loss; and losses `classes`, `boxes`."""
        boxes, objects, labels = self._draw(proposals, targets)
        true = [_or_one(own)[chosen] for own, chosen in zip(targets.boxes, objects, strict=True)]
        logits, deltas = self._predict(pyramid, boxes)
        loss, box_loss = fastrcnn_loss(logits, deltas, labels, self.box_coder.encode(true, boxes))
        shown = [own > 0 for own in labels]
        matched = Matched(
            [own[flags] for own, flags in zip(boxes, shown, strict=True)],
            torch.cat([own[flags] - 1 for own, flags in zip(labels, shown, strict=True)]),
            torch.cat([own[flags] + f for own, flags, f in zip(objects, shown, targets.first, strict=True)]),
        )
        return matched, {"classes": loss, "boxes": box_loss}

    def _draw(
        self, proposals: list[Tensor], targets: BoxTargets
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Of each image: the boxes in the loss, true ones among them; the object each shows; its label, 0: none."""
        boxes = self.add_gt_proposals(proposals, targets.boxes)
        objects, labels = self.assign_targets_to_proposals(boxes, targets.boxes, [one + 1 for one in targets.classes])
        for own, label, crowd in zip(boxes, labels, targets.crowd, strict=True):
            if crowd is not None:
                label[(label == 0) & (covered(own, crowd) >= CROWD_SHARE)] = -1
        drawn = self.subsample(labels)
        return tuple([own[rows] for own, rows in zip(each, drawn, strict=True)] for each in (boxes, objects, labels))

    def detect(
        self, pyramid: Sequence[Tensor], proposals: list[Tensor], sizes: list[tuple[int, int]],
        score_threshold: float, nms_iou: float, most: int,
    ) -> list[FoundBoxes]:  # fmt: skip
        """Detections of each image; suppressed within a class where their boxes' IoU exceeds `nms_iou`.

        sizes: (height, width) of the images before padding, to which boxes are clipped; most: detections per image.
        """
        self.score_thresh, self.nms_thresh, self.detections_per_img = score_threshold, nms_iou, most
        found = self.postprocess_detections(*self._predict(pyramid, proposals), proposals, sizes)
        return [FoundBoxes(boxes, scores, labels - 1) for boxes, scores, labels in zip(*found, strict=True)]


def _or_one(boxes: Tensor) -> Tensor:
    """The boxes, or one empty box where there are none, so that background can be looked up too."""
    return boxes if len(boxes) else boxes.new_zeros((1, 4))
