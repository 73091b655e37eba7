"""From what an object has, labelled points or a mask, to the loss of each proposal that shows it.

Legend: N proposals, P points each. `At` gives the logits (N, P) of the object's class at places (N, P, 2) in the boxes.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from wssis.models.maskrcnn.boxes import Matched
from wssis.models.maskrcnn.points import ignore_outside, places_in_boxes, point_losses, points_of_places
from wssis.models.maskrcnn.targets import IGNORED, BoxTargets

At = Callable[[Tensor], Tensor]


def place_losses(at: At, matched: Matched, targets: BoxTargets) -> Tensor:
    """Loss of each proposal (N,) at its object's labelled points; 0 where it has none."""
    boxes, chosen = torch.cat(matched.boxes), matched.objects
    places = places_in_boxes(boxes, targets.points[chosen])
    labels = ignore_outside(places, targets.point_labels[chosen])
    # Ignored points are looked up in the middle: far ones would be huge numbers to some networks.
    places = torch.where((labels == IGNORED)[..., None], torch.full_like(places, 0.5), places)
    return point_losses(at(places), labels, targets.point_counts[chosen])


def drawn_points(at: At, matched: Matched, targets: BoxTargets, number: int) -> Tensor:
    """Loss of each proposal (N,) at `number` points drawn uniformly in it, labelled by the mask; 0 without a mask."""
    boxes = torch.cat(matched.boxes)
    if not any(len(masks) for masks in targets.masks):
        return boxes.new_zeros(len(boxes))
    places = torch.rand((len(boxes), number, 2), device=boxes.device)
    labels = labels_by_masks(points_of_places(boxes, places), matched, targets)
    return point_losses(at(places), labels, torch.full_like(boxes[:, 0], number))


def labels_by_masks(points: Tensor, matched: Matched, targets: BoxTargets) -> Tensor:
    """Labels (N, P) of points (N, P, 2), px, by the masks of the proposals' objects; ignored where there is none."""
    mask_of = targets.mask_of[matched.objects]
    labels = torch.full_like(points[..., 0], IGNORED)
    rows = torch.arange(len(points), device=points.device).split(matched.counts)
    for masks, own in zip(targets.masks, rows, strict=True):
        if not len(masks) or not len(own):
            continue
        limits = torch.tensor(masks.shape[:0:-1], device=points.device) - 1
        column, row = points[own].floor().long().clamp(min=0).minimum(limits).unbind(-1)
        found = masks[mask_of[own].clamp(min=0)[:, None], row, column].float()
        labels = labels.index_copy(0, own, torch.where((mask_of[own] >= 0)[:, None], found, labels[own]))
    return labels


def mean_of_supervised(each: Tensor, logits: Tensor, matched: Matched, targets: BoxTargets) -> Tensor:
    """Mean of the losses (N,) over proposals whose objects have a mask or points; 0 without any.

    logits: of the network, so that its weights take part where there are no proposals at all.
    """
    chosen = matched.objects
    supervised = (targets.mask_of[chosen] >= 0) | (targets.point_counts[chosen] > 0)
    return each.sum() / supervised.sum().clamp(min=1) + 0.0 * logits.sum()
