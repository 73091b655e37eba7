"""Point losses of proposals one at a time: what the batched version is measured against."""

import torch
import torch.nn.functional as F
from torch import Tensor

from wssis.models.maskrcnn.boxes import Matched
from wssis.models.maskrcnn.targets import IGNORED, BoxTargets


def point_losses_by_loops(logits: Tensor, matched: Matched, targets: BoxTargets) -> Tensor:
    """Loss of each proposal (N,), from mask logits (N, h, w) of its class; 0 for an object without points."""
    losses = []
    for row, (box, place) in enumerate(zip(torch.cat(matched.boxes), matched.objects.tolist(), strict=True)):
        places = (targets.points[place] - box[:2]) / (box[2:] - box[:2])
        labels = targets.point_labels[place]
        inside = ((places >= 0) & (places <= 1)).all(1) & (labels != IGNORED)
        found = F.grid_sample(logits[row, None, None], 2 * places[None, None] - 1, align_corners=False)[0, 0, 0]
        each = F.binary_cross_entropy_with_logits(found[inside], labels[inside], reduction="sum")
        losses.append(each / targets.point_counts[place].clamp(min=1))
    return torch.stack(losses)
