"""Masks supervised at points (Cheng et al., 2022, section 3.2), for all proposals at once.

Legend: N proposals, P points each, C classes. Places in a box run from (0, 0), its top-left corner, to (1, 1).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from wssis.models.maskrcnn.targets import IGNORED


def places_in_boxes(boxes: Tensor, points: Tensor) -> Tensor:
    """Points (N, P, 2), x, y in px -> places in the boxes (N, 4), xyxy: (N, P, 2), outside 0 ... 1 for those beyond."""
    return (points - boxes[:, None, :2]) / (boxes[:, None, 2:] - boxes[:, None, :2])


def points_of_places(boxes: Tensor, places: Tensor) -> Tensor:
    """Places (N, P, 2) in boxes (N, 4) -> points (N, P, 2), px."""
    return boxes[:, None, :2] + places * (boxes[:, None, 2:] - boxes[:, None, :2])


def ignore_outside(places: Tensor, labels: Tensor) -> Tensor:
    """Labels (N, P), those of points outside their box replaced by `IGNORED`."""
    outside = ((places < 0) | (places > 1)).any(-1)
    return torch.where(outside, torch.full_like(labels, IGNORED), labels)


def at_places(maps: Tensor, places: Tensor) -> Tensor:
    """Bilinear samples of maps (N, C, h, w) at places (N, P, 2) in 0 ... 1: (N, C, P).

    Cell centres lie at half cells (align_corners False); beyond the outermost centres the maps fade to 0.
    """
    if not places.shape[1]:
        return maps.new_zeros((*maps.shape[:2], 0))
    return F.grid_sample(maps, 2 * places[:, None] - 1, align_corners=False)[:, :, 0]


def of_class(maps: Tensor, classes: Tensor) -> Tensor:
    """The maps (N, C, ...) of one class each (N,): (N, ...)."""
    return maps[torch.arange(len(maps), device=maps.device), classes]


def point_losses(logits: Tensor, labels: Tensor, counts: Tensor) -> Tensor:
    """Binary cross entropy of each proposal (N,): the sum over its labelled points over the number of all of them.

    Ignored points weigh nothing but count, as published; a proposal without points has loss 0.

    Args:
        logits: (N, P), of the object's class.
        labels: (N, P), 1, 0 or `IGNORED`.
        counts: (N,), points of the object.
    """
    each = F.binary_cross_entropy_with_logits(logits.float(), labels.clamp(min=0), reduction="none")
    return (each * (labels != IGNORED)).sum(1) / counts.clamp(min=1)
