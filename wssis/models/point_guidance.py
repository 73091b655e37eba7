"""Point-guided proposals (`method.md`, Point-guided proposals): one kernel per point and level, the best level is kept.

N points, L levels, K kernel channels, h x w the mask features' size, H0 x W0 the original image.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from wssis.models.solov2.inference import CellMasks, cell_masks, cell_strides, flat_kernels, full_size_masks
from wssis.models.solov2.network import DenseOutputs
from wssis.models.solov2.nms import mask_nms, pairwise_iou

# What became of a point.
KEPT = "kept"
FALLBACK = "fallback"
EMPTY = "empty"
CELL_TAKEN = "cell_taken"
SMALL = "small"
SUPPRESSED = "suppressed"
BEYOND_TOP = "beyond_top"

PUBLISHED_UNIT = 1e4
PUBLISHED_TOP = 100


@dataclass(frozen=True)
class PointProposals:
    """Records of one image's points; M records, in the order of the points (ours) or of falling score (published).

    index: int64 (M,), which point; masks: bool (M, H0, W0); level: int64 (M,); score, maskness, category_score:
    float32 (M,), where score is the product (ours) or the maskness (published); fallback: bool (M,), a level that
    ranked higher was empty; fate: one word per given point, N in all, also for those without a record.
    """

    index: Tensor
    masks: Tensor
    level: Tensor
    score: Tensor
    maskness: Tensor
    category_score: Tensor
    fallback: Tensor
    fate: list[str]


@dataclass(frozen=True)
class _Candidates:
    """Every point on every level: cell int64 (N, L) of all cells; maskness, category, area float32 (N, L)."""

    cell: Tensor
    maskness: Tensor
    category: Tensor
    area: Tensor

    @property
    def value(self) -> Tensor:
        """What levels are compared by: maskness x category score, float32 (N, L)."""
        return self.maskness * self.category


def point_guided(
    outputs: DenseOutputs,
    points: Tensor,
    labels: Tensor,
    image_size: tuple[int, int],
    original_size: tuple[int, int],
    filter: Literal["ours", "published"] = "ours",
    mask_threshold: float = 0.5,
    nms_iou: float = 0.5,
) -> PointProposals:
    """Proposals for the points of one image; `outputs` is a batch of one.

    points: float (N, 2), [x, y] in px of the network's input; labels: int64 (N,), class indices; image_size: (height,
    width) of the network's input before padding. Ours loses no point: a record's mask is empty only where all levels
    are. `nms_iou` is only read by the published filter. Cells divide the padded size, and the pixel index is looked up
    as it is, without + .5.
    """
    outputs = outputs.float()
    kernels, features = flat_kernels(outputs)[0], outputs.mask_features[0]
    published = filter == "published"
    cells = point_cells(points, outputs.grids, outputs.padded_size, published)
    candidates, found = _candidates(outputs, kernels, cells, labels, mask_threshold)
    if published:
        sizes = image_size, original_size
        return _published(candidates, found, labels, kernels, outputs, *sizes, mask_threshold, nms_iou)
    return _ours(candidates, kernels, features, image_size, original_size, mask_threshold)


def point_cells(points: Tensor, grids: list[int], padded: tuple[int, int], published: bool) -> Tensor:
    """Points [x, y] (N, 2) -> their cell on each level, int64 (N, L), counted through all levels.

    Published: the coordinates are first truncated to 1e-4 of the padded size.
    """
    share = points.double() / torch.tensor([padded[1], padded[0]], dtype=torch.float64, device=points.device)
    if published:
        share = (share * PUBLISHED_UNIT).trunc() / PUBLISHED_UNIT
    sides = torch.tensor(grids, device=points.device)
    column, row = ((share[:, axis, None] * sides).floor().long().clamp(min=0).minimum(sides - 1) for axis in (0, 1))
    starts = sides.square().cumsum(0) - sides.square()
    return starts + row * sides + column


def _candidates(
    outputs: DenseOutputs, kernels: Tensor, cells: Tensor, labels: Tensor, threshold: float
) -> tuple[_Candidates, CellMasks]:
    """All points x all levels in one product; the masks come back in rows point * L + level."""
    scores = torch.cat([category[0].flatten(1) for category in outputs.category], 1).sigmoid()
    found = cell_masks(kernels[cells.flatten()], outputs.mask_features[0], threshold)
    category = scores[labels[:, None], cells]
    return _Candidates(cells, found.maskness.view_as(category), category, found.area.view_as(category)), found


def _ours(
    candidates: _Candidates,
    kernels: Tensor,
    features: Tensor,
    image_size: tuple[int, int],
    original_size: tuple[int, int],
    threshold: float,
) -> PointProposals:
    """One record per point. An empty level ranks by its category score alone and is passed over."""
    empty = candidates.area == 0
    ranked = torch.where(empty, candidates.category, candidates.value).argsort(dim=1, descending=True, stable=True)
    count, levels = ranked.shape
    rank = torch.zeros(count, dtype=torch.int64, device=ranked.device)
    masks = torch.zeros((count, *original_size), dtype=torch.bool, device=features.device)
    waiting = torch.arange(count, device=ranked.device)
    for _ in range(levels):
        level = ranked[waiting, rank[waiting]]
        masks[waiting] = full_size_masks(
            kernels[candidates.cell[waiting, level]], features, image_size, original_size, threshold
        )
        waiting = waiting[~masks[waiting].flatten(1).any(1)]
        rank[waiting] += 1
        if not len(waiting):
            break
    lost = rank == levels
    rank[lost] = 0
    level = ranked.gather(1, rank[:, None])[:, 0]
    maskness, category = (v.gather(1, level[:, None])[:, 0] for v in (candidates.maskness, candidates.category))
    maskness = maskness.masked_fill(lost, 0)
    fallback = rank > 0
    fates = zip(lost.tolist(), fallback.tolist(), strict=True)
    fate = [EMPTY if gone else FALLBACK if fell else KEPT for gone, fell in fates]
    index = torch.arange(count, device=ranked.device)
    return PointProposals(index, masks, level, maskness * category, maskness, category, fallback, fate)


def _published(
    candidates: _Candidates,
    found: CellMasks,
    labels: Tensor,
    kernels: Tensor,
    outputs: DenseOutputs,
    image_size: tuple[int, int],
    original_size: tuple[int, int],
    threshold: float,
    nms_iou: float,
) -> PointProposals:
    """Best level among the cells a point still owns; then `published_filter`."""
    owned = _owned(candidates.cell)
    value = candidates.value.masked_fill(~owned, -1)
    level = value.argmax(1)
    own = owned.any(1).nonzero()[:, 0]
    rows = own * candidates.cell.shape[1] + level[own]
    cell = candidates.cell.flatten()[rows]
    words, order = published_filter(_take(found, rows), labels[own], cell_strides(outputs)[cell], nms_iou)
    fate = [CELL_TAKEN] * len(labels)
    for point, word in zip(own.tolist(), words, strict=True):
        fate[point] = word
    index, level = own[order], level[own][order]
    masks = full_size_masks(kernels[cell[order]], outputs.mask_features[0], image_size, original_size, threshold)
    maskness, category = candidates.maskness[index, level], candidates.category[index, level]
    fallback = torch.zeros_like(index, dtype=torch.bool)
    return PointProposals(index, masks, level, maskness, maskness, category, fallback, fate)


def _take(found: CellMasks, rows: Tensor) -> CellMasks:
    return CellMasks(found.masks[rows], found.area[rows], found.maskness[rows])


def _owned(cells: Tensor) -> Tensor:
    """int64 (N, L) -> bool (N, L): no later point has the same cell (a cell's number says its level, too)."""
    order = torch.arange(len(cells), device=cells.device)
    later = order > order[:, None]
    return ~((cells[:, None] == cells) & later[..., None]).any(1)


def published_filter(found: CellMasks, labels: Tensor, strides: Tensor, nms_iou: float) -> tuple[list[str], Tensor]:
    """Published filter of candidate masks at stride 4: area, mask NMS by maskness, top 100.

    labels: int64 (N,); strides: float32 (N,) of the candidates' levels. Returns a word for each candidate and the
    kept ones, int64, best first.
    """
    words = [SMALL] * len(labels)
    order = found.maskness.argsort(descending=True, stable=True)
    order = order[(found.area > strides)[order]]
    keep = mask_nms(pairwise_iou(found.masks[order]), labels[order], nms_iou)
    for row, kept in zip(order.tolist(), keep.tolist(), strict=True):
        words[row] = BEYOND_TOP if kept else SUPPRESSED
    top = order[keep][:PUBLISHED_TOP]
    for row in top.tolist():
        words[row] = KEPT
    return words, top
