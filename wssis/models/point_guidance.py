"""Point-guided proposals (`method.md`, Point-guided proposals): a mask for every point.

N points, H0 x W0 the original image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from wssis.models.point_levels import by_level
from wssis.models.point_published import published_proposals
from wssis.models.point_records import EMPTY, FALLBACK, KEPT, PointProposals
from wssis.models.point_views import Chosen, Enlarged, Sizes, View, view_of
from wssis.models.point_voting import by_vote
from wssis.models.solov2.network import DenseOutputs

SOFT_LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Probabilities that a soft mask distinguishes."""


@dataclass(frozen=True)
class Guidance:
    """How points guide; the defaults are the published selection, without its filter.

    filter: ours loses no point; published drops by area, NMS and top 100, and knows none of the other keys.
    selection: published takes the point's cell on the best level; vote: `wssis.models.point_voting`;
    consistent divides a mask's score by 1 + the other points of its class that it holds, and halves it where
    it misses its own, if `own_point_inside` says that points lie in their objects. overlap: exclusive gives pixels that
    several masks of a class claim to the likeliest; soft: say how likely each pixel is, too, whatever the overlap.
    mask_threshold; nms_iou: of the published filter.
    """

    filter: Literal["ours", "published"] = "ours"
    selection: Literal["published", "consistent", "vote"] = "published"
    own_point_inside: bool = False
    overlap: Literal["keep", "exclusive"] = "keep"
    mask_threshold: float = 0.5
    nms_iou: float = 0.5
    soft: bool = False


def point_guided(
    outputs: DenseOutputs,
    points: Tensor,
    labels: Tensor,
    image_size: tuple[int, int],
    original_size: tuple[int, int],
    guidance: Guidance = Guidance(),
    mirrored: DenseOutputs | None = None,
) -> PointProposals:
    """Proposals for the points of one image; `outputs` is a batch of one.

    points: float (N, 2), [x, y] in px of the network's input; labels: int64 (N,), class indices; image_size: (height,
    width) of the network's input before padding; mirrored: outputs on the mirrored image, with which scores and
    probabilities are averaged. Ours loses no point: a record's mask is empty only where all levels are. Cells divide
    the padded size, and the pixel index is looked up as it is, without + .5.
    """
    sizes = Sizes(image_size, original_size)
    published = guidance.filter == "published"
    views = [view_of(outputs.float(), points, published, mirrored=False)]
    if published:
        return published_proposals(views[0], labels, sizes, guidance.mask_threshold, guidance.nms_iou)
    if mirrored is not None:
        # The last pixel of the file becomes the first, so what is mirrored is the index in the file.
        last = image_size[1] * (1 - 1 / original_size[1])
        turned = torch.stack([last - points[:, 0], points[:, 1]], 1)
        views.append(view_of(mirrored.float(), turned, published, mirrored=True))
    return _ours(views, labels, sizes, guidance)


def _ours(views: Sequence[View], labels: Tensor, sizes: Sizes, guidance: Guidance) -> PointProposals:
    """One record per point."""
    chosen = _choose(views, labels, sizes, guidance)
    masks = chosen.masks
    if guidance.overlap == "exclusive":
        masks = _exclusive(masks, labels, chosen.enlarged)
    soft = None
    if guidance.soft:
        soft = _soft(chosen.enlarged, masks.shape, masks.device) * masks.flatten(1).any(1)[:, None, None]
    fates = zip(chosen.lost.tolist(), chosen.fallback.tolist(), strict=True)
    fate = [EMPTY if gone else FALLBACK if fell else KEPT for gone, fell in fates]
    index = torch.arange(len(masks), device=masks.device)
    return PointProposals(
        index, masks, chosen.level, chosen.score, chosen.maskness, chosen.category, chosen.fallback, fate, soft
    )


def _choose(views: Sequence[View], labels: Tensor, sizes: Sizes, guidance: Guidance) -> Chosen:
    if guidance.selection == "vote":
        return by_vote(views, labels, sizes, guidance.mask_threshold)
    consistent = guidance.selection == "consistent"
    return by_level(views, labels, sizes, guidance.mask_threshold, consistent, guidance.own_point_inside)


def _soft(enlarged: Enlarged, shape: torch.Size, device: torch.device) -> Tensor:
    """uint8 (N, H0, W0): how many of SOFT_LEVELS the probability of each pixel exceeds."""
    steps = torch.zeros(shape, dtype=torch.uint8, device=device)
    for some, probability in enlarged(torch.arange(len(steps), device=device)):
        steps[some] = sum((probability > bound).to(torch.uint8) for bound in SOFT_LEVELS)
    return steps


def _exclusive(masks: Tensor, labels: Tensor, enlarged: Enlarged) -> Tensor:
    """Masks bool (N, H0, W0) of which no two of a class share a pixel, unless one would be left with none."""
    masks = masks.clone()
    for label in labels.unique():
        same = (labels == label).nonzero()[:, 0]
        if int(masks[same].sum(0).max()) > 1:
            masks[same] = exclusive_masks(masks[same], torch.cat([probability for _, probability in enlarged(same)]))
    return masks


def exclusive_masks(masks: Tensor, probability: Tensor) -> Tensor:
    """Pixels that several masks claim go to the likeliest, of equals the first; a mask that would be left empty stays.

    masks: bool (M, H, W); probability: float (M, H, W), of each pixel.
    """
    owner = probability.masked_fill(~masks, -1).argmax(0)
    kept = masks & (torch.arange(len(masks), device=masks.device)[:, None, None] == owner)
    return torch.where(kept.flatten(1).any(1)[:, None, None], kept, masks)
