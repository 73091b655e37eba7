"""One cell per point and level, and the level whose mask is best (`method.md`, Point-guided proposals).

N points, L levels, K kernel channels, h x w the mask features' size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from wssis.models.point_views import Chosen, Sizes, View, full_size, pixel_of
from wssis.models.solov2.inference import CellMasks, cell_masks, probabilities

MISSED_OWN_POINT = 0.5
"""Factor on the score of a mask that does not hold its own point (selection: consistent)."""


@dataclass(frozen=True)
class Candidates:
    """Every point on every level: maskness, category, area, consistency float32 (N, L)."""

    maskness: Tensor
    category: Tensor
    area: Tensor
    consistency: Tensor

    @property
    def value(self) -> Tensor:
        """What levels are compared by: maskness x category score x consistency, float32 (N, L)."""
        return self.maskness * self.category * self.consistency


def by_level(
    views: Sequence[View], labels: Tensor, sizes: Sizes, threshold: float, consistent: bool, own_point_inside: bool
) -> Chosen:
    """The best level's mask for every point. An empty level ranks by its category score alone and is passed over.

    threshold: probability above which a pixel is mask; consistent: with `consistency_of`.
    """
    candidates = _mean([level_candidates(view, labels, threshold, consistent, own_point_inside)[0] for view in views])
    empty = candidates.area == 0
    ranked = torch.where(empty, candidates.category, candidates.value).argsort(dim=1, descending=True, stable=True)
    count, levels = ranked.shape
    rank = torch.zeros(count, dtype=torch.int64, device=ranked.device)
    masks = torch.zeros((count, *sizes.original), dtype=torch.bool, device=ranked.device)
    waiting = torch.arange(count, device=ranked.device)
    for _ in range(levels):
        level = ranked.gather(1, rank[:, None].clamp(max=levels - 1))[:, 0]
        for some, probability in full_size(views, partial(_level_masks, views, level), sizes, waiting):
            masks[some] = probability > threshold
        waiting = waiting[~masks[waiting].flatten(1).any(1)]
        rank[waiting] += 1
        if not len(waiting):
            break
    lost = rank == levels
    rank[lost] = 0
    level = ranked.gather(1, rank[:, None])[:, 0]
    maskness, category, consistency = (
        v.gather(1, level[:, None])[:, 0] for v in (candidates.maskness, candidates.category, candidates.consistency)
    )
    maskness = maskness.masked_fill(lost, 0)
    enlarged = partial(full_size, views, partial(_level_masks, views, level), sizes)
    return Chosen(masks, level, maskness * category * consistency, maskness, category, rank > 0, lost, enlarged)


def level_candidates(
    view: View, labels: Tensor, threshold: float, consistent: bool = False, own_point_inside: bool = False
) -> tuple[Candidates, CellMasks]:
    """All points x all levels in one product; the masks come back in rows point * L + level."""
    found = cell_masks(view.kernels[view.cells.flatten()], view.features, threshold)
    category = view.scores[labels[:, None], view.cells]
    consistency = torch.ones_like(category)
    if consistent:
        held = held_points(found.masks, view.xy).view(*category.shape, len(labels))
        consistency = consistency_of(held, labels, own_point_inside)
    maskness, area = found.maskness.view_as(category), found.area.view_as(category)
    return Candidates(maskness, category, area, consistency), found


def held_points(masks: Tensor, points: Tensor) -> Tensor:
    """bool (M, N): which points, float (N, 2) in px of the input, each mask at stride 4, bool (M, h, w), holds."""
    row, column = pixel_of(points, (masks.shape[1], masks.shape[2]))
    return masks[:, row, column]


def consistency_of(held: Tensor, labels: Tensor, own_point_inside: bool) -> Tensor:
    """Factor on the score of each point's mask on each level, float32 (N, L).

    It is 1 / (1 + other points of its class that the mask holds), and half of that where it misses its own, if points
    lie in their objects.

    held: bool (N, L, N), the last for the points that each mask holds; labels: int64 (N,).
    """
    own = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    rivals = (labels[:, None] == labels) & ~own
    factor = 1 / (1 + (held & rivals[:, None]).sum(2).float())
    if own_point_inside:
        factor = torch.where((held & own[:, None]).any(2), factor, MISSED_OWN_POINT * factor)
    return factor


def _mean(found: list[Candidates]) -> Candidates:
    """Candidates averaged over the views."""
    if len(found) == 1:
        return found[0]
    names = ("maskness", "category", "area", "consistency")
    return Candidates(*(torch.stack([getattr(one, name) for one in found]).mean(0) for name in names))


def _level_masks(views: Sequence[View], level: Tensor, points: Tensor) -> list[Tensor]:
    """What every view gives to the masks of some points on their levels, float32 (m, h, w): an equal share."""
    seen = []
    for view in views:
        kernels = view.kernels[view.cells[points, level[points]]]
        seen.append(probabilities(kernels, view.features) / len(views))
    return seen
