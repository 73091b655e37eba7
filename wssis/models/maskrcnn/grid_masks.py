"""Mask R-CNN's mask branch: 28 x 28 logits per proposal and class, learnt from masks or at labelled points."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import roi_align

from wssis.config.maskrcnn import BoxSupervision, MaskRCNNSettings
from wssis.models.maskrcnn.boxes import Matched
from wssis.models.maskrcnn.points import at_places, of_class
from wssis.models.maskrcnn.pooling import pool
from wssis.models.maskrcnn.supervised import drawn_points, mean_of_supervised, place_losses
from wssis.models.maskrcnn.targets import BoxTargets

POOLED = 14
SIDE = 2 * POOLED

INITIAL = 0.001
"""Standard deviation of the last layer's initial weights."""


class GridMasks(nn.Module):
    """A grid of logits for each box."""

    def __init__(self, settings: MaskRCNNSettings, num_classes: int) -> None:
        super().__init__()
        width = settings.mask_channels
        self.head = MaskRCNNHeads(settings.fpn_channels, [width] * settings.mask_convs, 1)
        entering = width if settings.mask_convs else settings.fpn_channels
        self.predictor = MaskRCNNPredictor(entering, width, num_classes)
        # As in Detectron2: torchvision's start gives logits of ten and more, which few labelled points unlearn slowly.
        nn.init.normal_(self.predictor.mask_fcn_logits.weight, std=INITIAL)
        nn.init.zeros_(self.predictor.mask_fcn_logits.bias)

    def forward(self, pyramid: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """Logits (N, C, 28, 28) of boxes per image."""
        return self.predictor(self.head(pool(pyramid, boxes, POOLED)))

    def losses(
        self, pyramid: Sequence[Tensor], matched: Matched, targets: BoxTargets, supervision: BoxSupervision
    ) -> dict[str, Tensor]:
        """Loss `masks`: the mean over the proposals of objects with a mask or points."""
        logits = of_class(self(pyramid, matched.boxes), matched.classes).float()

        def at(places: Tensor) -> Tensor:
            return at_places(logits[:, None], places)[:, 0]

        each = place_losses(at, matched, targets)
        if supervision.masks_as == "points":
            each = each + drawn_points(at, matched, targets, supervision.uniform_points)
        else:
            each = each + grid_losses(logits, matched, targets)
        return {"masks": mean_of_supervised(each, logits, matched, targets)}

    def probabilities(self, pyramid: Sequence[Tensor], boxes: Sequence[Tensor], classes: Tensor) -> Tensor:
        """Probabilities (N, 28, 28) of the masks of boxes of given classes (N,)."""
        return of_class(self(pyramid, boxes), classes).float().sigmoid()


def grid_losses(logits: Tensor, matched: Matched, targets: BoxTargets) -> Tensor:
    """Mean binary cross entropy over the cells of each proposal (N,); 0 where its object has no mask.

    A cell's target is 1 where the mask covers at least half of it.

    logits: (N, 28, 28), of the object's class.
    """
    rows = torch.zeros_like(logits[:, 0, 0])
    mask_of = targets.mask_of[matched.objects]
    places = torch.arange(len(rows), device=rows.device).split(matched.counts)
    for boxes, masks, own in zip(matched.boxes, targets.masks, places, strict=True):
        with_mask = mask_of[own] >= 0
        if not len(masks) or not len(own):
            continue
        rois = torch.cat([mask_of[own][with_mask, None].to(boxes.dtype), boxes[with_mask]], 1)
        wanted = (roi_align(masks[:, None].float(), rois, SIDE, 1.0, aligned=True)[:, 0] >= 0.5).float()
        chosen = own[with_mask]
        loss = F.binary_cross_entropy_with_logits(logits[chosen], wanted, reduction="none").mean((1, 2))
        rows = rows.index_add(0, chosen, loss)
    return rows
