"""The published way from points to masks, with its filter (`method.md`, Point-guided proposals)."""

import torch
from torch import Tensor

from wssis.models.point_levels import level_candidates
from wssis.models.point_records import BEYOND_TOP, CELL_TAKEN, KEPT, SMALL, SUPPRESSED, PointProposals
from wssis.models.point_views import Sizes, View
from wssis.models.solov2.inference import CellMasks, cell_strides, full_size_masks
from wssis.models.solov2.nms import mask_nms, pairwise_iou

PUBLISHED_TOP = 100


def published_proposals(view: View, labels: Tensor, sizes: Sizes, threshold: float, nms_iou: float) -> PointProposals:
    """Best level among the cells a point still owns; then `published_filter`."""
    candidates, found = level_candidates(view, labels, threshold)
    owned = _owned(view.cells)
    value = candidates.value.masked_fill(~owned, -1)
    level = value.argmax(1)
    own = owned.any(1).nonzero()[:, 0]
    rows = own * view.cells.shape[1] + level[own]
    cell = view.cells.flatten()[rows]
    strides = cell_strides(view.outputs)[cell]
    words, order = published_filter(_take(found, rows), labels[own], strides, nms_iou)
    fate = [CELL_TAKEN] * len(labels)
    for point, word in zip(own.tolist(), words, strict=True):
        fate[point] = word
    index, level = own[order], level[own][order]
    kernels = view.kernels[cell[order]]
    masks = full_size_masks(kernels, view.features, sizes.image, sizes.original, threshold)
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
