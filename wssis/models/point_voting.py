"""Proposals by vote (`proposals.selection: vote`): the cells around a point vote on its mask.

SOLOv2 learns to give an object's mask from the cells around its centre of mass, on each level whose objects are of its
size. The single cell under a click, of the level that scores best, is one opinion of many, and a poor one where people
click off the centre. Here the 3 x 3 cells around the point vote on every level, each with its mask, and count the more,
the better this mask agrees with all the points of the image.

N points, L levels, V = 9 L voters per point and view, M different cells among the voters, D kernel channels, h x w the
mask features' size, H0 x W0 the original image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from wssis.models.point_views import Chosen, Sizes, View, full_size, pixel_of
from wssis.models.solov2.inference import CHUNK_VALUES, probabilities
from wssis.models.solov2.network import MASK_STRIDE

DOUBT = 0.05
"""No single point rules a mask out: whether a mask holds it counts at least this."""
CENTRED = 4.0
"""How much less a mask agrees whose centre of mass lies d from the point: exp(-CENTRED d^2 / area), 0.28 at the rim of
a disc. Clicks anywhere on an object are still heard; a click in the middle, as most are, is told from one beside it."""


@dataclass(frozen=True)
class Voters:
    """The cells that vote on each point's mask: cell (of all levels), level int64 (N, V); weight, category float32
    (N, V), where weight is a logarithm, for a mask on a crowd of points has a tiny one, and that of a cell outside its
    grid or without a mask is -inf.

    weight: log of category score x (maskness x agreement)^2, where agreement is the probability that the mask holds its
    own point and none of the others, times the factor of `CENTRED`.
    """

    cell: Tensor
    level: Tensor
    weight: Tensor
    category: Tensor


@dataclass(frozen=True)
class _Facts:
    """Of M cells' masks: maskness, area in px at stride 4, float32 (M,); centre [x, y] there, float32 (M, 2); held
    float32 (M, N), the probability of each point's pixel."""

    maskness: Tensor
    area: Tensor
    centre: Tensor
    held: Tensor


def by_vote(views: Sequence[View], labels: Tensor, sizes: Sizes, threshold: float) -> Chosen:
    """The mask that is voted for, for every point; level and category score are those of the voter that counts most.

    The score is the mask's maskness alone: where voters disagree, its probabilities are low, which tells good masks
    from bad ones far better than the category score does; the category is known. Where voters disagree so much that no
    pixel is left, their own masks are tried one after another, by weight.
    """
    found = [voters(view, labels, threshold) for view in views]
    weight, category, level = (
        torch.cat([getattr(one, name) for one in found], 1) for name in ("weight", "category", "level")
    )
    ranked = weight.argsort(dim=1, descending=True, stable=True)
    leader = ranked[:, 0].clone()
    parts = _elected(views, found, weight.softmax(1).nan_to_num())
    enlarged = partial(full_size, views, partial(_rows, parts), sizes)
    masks = torch.zeros((len(labels), *sizes.original), dtype=torch.bool, device=labels.device)
    maskness = torch.zeros(len(labels), device=labels.device)
    waiting = torch.arange(len(labels), device=labels.device)
    fallback = torch.zeros(len(labels), dtype=torch.bool, device=labels.device)
    for turn in range(ranked.shape[1] + 1):
        for some, probability in enlarged(waiting):
            masks[some] = mask = probability > threshold
            maskness[some] = (probability * mask).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)
        waiting = waiting[~masks[waiting].flatten(1).any(1)]
        last = turn == ranked.shape[1]
        waiting = waiting[:0] if last else waiting[weight[waiting, ranked[waiting, turn]].isfinite()]
        if not len(waiting):
            break
        fallback[waiting] = True
        leader[waiting] = ranked[waiting, turn]
        alone = F.one_hot(leader[waiting], ranked.shape[1]).to(weight)
        for part, own in zip(parts, _elected(views, found, alone, waiting), strict=True):
            part[waiting] = own
    lost = ~masks.flatten(1).any(1)
    leader = torch.where(lost, category.argmax(1), leader)[:, None]
    level, category = level.gather(1, leader)[:, 0], category.gather(1, leader)[:, 0]
    return Chosen(masks, level, maskness, maskness, category, fallback & ~lost, lost, enlarged)


def voters(view: View, labels: Tensor, threshold: float) -> Voters:
    """Who votes on each point's mask in one view, and with what weight.

    labels: int64 (N,), class indices; threshold: probability above which a pixel is mask.
    """
    cell, inside = around(view.cells, view.outputs.grids)
    used, place = cell.unique(return_inverse=True)
    facts = _facts(view.kernels[used], view.features, pixel_of(view.xy, view.features.shape[-2:]), threshold)
    number = torch.arange(len(labels), device=cell.device)[:, None]
    own = facts.held.clamp(min=DOUBT)[place, number].log()
    free = (1 - facts.held).clamp(min=DOUBT).log()
    others = free.sum(1)[place] - free[place, number]
    off = facts.centre[place] - ((view.xy + 0.5) / MASK_STRIDE - 0.5).to(facts.centre)[:, None]
    near = -CENTRED * off.square().sum(2) / facts.area[place].clamp(min=1)
    category = view.scores[labels[:, None], cell]
    # No category score is so low that a mask has no vote: 0 is only what float32 makes of it.
    likely = category.clamp(min=torch.finfo(category.dtype).tiny).log()
    weight = likely + 2 * (facts.maskness[place].log() + own + others + near)
    level = torch.arange(len(view.outputs.grids), device=cell.device).repeat_interleave(9).expand_as(cell)
    return Voters(cell, level, weight.masked_fill(~inside, -torch.inf), category)


def around(cells: Tensor, grids: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Cells (N, L) -> the 3 x 3 cells around each, int64 (N, 9 L), level by level and row by row, and which of them lie
    in their grid, bool (N, 9 L); one that does not is given as the cell in the middle."""
    sides = torch.tensor(grids, device=cells.device)
    starts = sides.square().cumsum(0) - sides.square()
    row, column = (cells - starts) // sides, (cells - starts) % sides
    step = torch.arange(-1, 2, device=cells.device)
    rows, columns = (row[..., None] + step)[..., :, None], (column[..., None] + step)[..., None, :]
    bound = sides[:, None, None]
    inside = (rows >= 0) & (rows < bound) & (columns >= 0) & (columns < bound)
    found = starts[:, None, None] + rows * bound + columns
    return torch.where(inside, found, cells[..., None, None]).flatten(1), inside.flatten(1)


def _facts(kernels: Tensor, features: Tensor, pixels: tuple[Tensor, Tensor], threshold: float) -> _Facts:
    """What a vote needs to know of M kernels' masks (M, D), in as many steps as memory asks for."""
    down, across = (torch.arange(size, device=features.device).float() for size in features.shape[-2:])
    parts = []
    for some in _steps(kernels, features):
        probability = probabilities(some, features)
        mask = (probability > threshold).float()
        area = mask.sum((1, 2))
        least = area.clamp(min=1)
        centre = torch.stack([mask.sum(1) @ across, mask.sum(2) @ down], 1) / least[:, None]
        maskness = (probability * mask).sum((1, 2)) / least
        parts.append((maskness, area, centre, probability[:, pixels[0], pixels[1]]))
    return _Facts(*map(torch.cat, zip(*parts, strict=True)))


def _elected(
    views: Sequence[View], found: Sequence[Voters], share: Tensor, points: Tensor | None = None
) -> list[Tensor]:
    """What each view gives to the masks of all points, or of some, int64 (m,): float32 (m, h, w).

    share: float32 (m, V of all views), how much of a point's mask each voter gives.
    """
    parts = []
    for view, one, own in zip(views, found, share.split([one.cell.shape[1] for one in found], 1), strict=True):
        cell = one.cell if points is None else one.cell[points]
        used, place = cell.unique(return_inverse=True)
        # Cells given twice have no weight; they go to a column that is dropped, so that no sum depends on an order.
        of_cell = own.new_zeros((len(cell), len(used) + 1))
        of_cell = of_cell.scatter_(1, place.where(own > 0, len(used)), own)[:, :-1]
        part = own.new_zeros((len(cell), view.features[0].numel()))
        kernels = _steps(view.kernels[used], view.features)
        for some, weights in zip(kernels, _steps(of_cell.T, view.features), strict=True):
            part += weights.T @ probabilities(some, view.features).flatten(1)
        parts.append(part.view(-1, *view.features.shape[-2:]))
    return parts


def _rows(parts: Sequence[Tensor], points: Tensor) -> list[Tensor]:
    return [part[points] for part in parts]


def _steps(rows: Tensor, features: Tensor) -> tuple[Tensor, ...]:
    """Rows (M, ...) in parts whose masks fit the memory set aside."""
    return rows.split(max(1, CHUNK_VALUES // features[0].numel()))
