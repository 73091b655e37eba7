"""Point-guided proposals (`method.md`, Point-guided proposals): one kernel per point and level, the best level is kept.

N points, L levels, T cells of all levels, K kernel channels, h x w the mask features' size, H0 x W0 the original image.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from wssis.models.solov2.inference import (
    CellMasks,
    cell_masks,
    cell_strides,
    enlarge,
    flat_kernels,
    full_size_masks,
    masks_at_once,
    probabilities,
)
from wssis.models.solov2.network import MASK_STRIDE, DenseOutputs
from wssis.models.solov2.nms import mask_nms, pairwise_iou

# What became of a point.
KEPT = "kept"
FALLBACK = "fallback"
EMPTY = "empty"
CELL_TAKEN = "cell_taken"
SMALL = "small"
SUPPRESSED = "suppressed"
BEYOND_TOP = "beyond_top"

SOFT_LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Probabilities that a soft mask distinguishes."""

PUBLISHED_UNIT = 1e4
PUBLISHED_TOP = 100
MISSED_OWN_POINT = 0.5
"""Factor on the score of a mask that does not hold its own point (selection: consistent)."""


@dataclass(frozen=True)
class Guidance:
    """How points guide; the defaults are the published selection, without its filter.

    filter: ours loses no point; published drops by area, NMS and top 100, and knows none of the other keys.
    selection: consistent divides a mask's score by 1 + the other points of its class that it holds, and halves it where
    it misses its own, if `own_point_inside` says that points lie in their objects. overlap: exclusive gives pixels that
    several masks of a class claim to the likeliest; soft: say how likely each pixel is, too, whatever the overlap.
    mask_threshold; nms_iou: of the published filter.
    """

    filter: Literal["ours", "published"] = "ours"
    selection: Literal["published", "consistent"] = "published"
    own_point_inside: bool = False
    overlap: Literal["keep", "exclusive"] = "keep"
    mask_threshold: float = 0.5
    nms_iou: float = 0.5
    soft: bool = False


@dataclass(frozen=True)
class PointProposals:
    """Records of one image's points; M records, in the order of the points (ours) or of falling score (published).

    index: int64 (M,), which point; masks: bool (M, H0, W0); level: int64 (M,); score, maskness, category_score:
    float32 (M,), where score is the product (ours; less for a mask that is not consistent) or the maskness (published);
    fallback: bool (M,), a level that ranked higher was empty; fate: one word per given point, N in all, also for those
    without a record; soft: uint8 (M, H0, W0), how many of SOFT_LEVELS the probability of each pixel exceeds, of empty
    masks 0, or None unless asked for.
    """

    index: Tensor
    masks: Tensor
    level: Tensor
    score: Tensor
    maskness: Tensor
    category_score: Tensor
    fallback: Tensor
    fate: list[str]
    soft: Tensor | None = None


@dataclass(frozen=True)
class _Candidates:
    """Every point on every level: maskness, category, area, consistency float32 (N, L)."""

    maskness: Tensor
    category: Tensor
    area: Tensor
    consistency: Tensor

    @property
    def value(self) -> Tensor:
        """What levels are compared by: maskness x category score x consistency, float32 (N, L)."""
        return self.maskness * self.category * self.consistency


@dataclass(frozen=True)
class _View:
    """The network's outputs on an image as it is, or mirrored, and the points on it.

    kernels (T, K), features (K, h, w); xy float (N, 2) in px of the network's input; cells int64 (N, L) of all cells.
    """

    outputs: DenseOutputs
    kernels: Tensor
    features: Tensor
    xy: Tensor
    cells: Tensor
    mirrored: bool


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
    published = guidance.filter == "published"
    views = [_view(outputs.float(), points, published, mirrored=False)]
    if published:
        candidates, found = _candidates(views[0], labels, guidance)
        return _published(candidates, found, labels, views[0], image_size, original_size, guidance)
    if mirrored is not None:
        # The last pixel of the file becomes the first, so what is mirrored is the index in the file.
        last = image_size[1] * (1 - 1 / original_size[1])
        turned = torch.stack([last - points[:, 0], points[:, 1]], 1)
        views.append(_view(mirrored.float(), turned, published, mirrored=True))
    return _ours(views, labels, image_size, original_size, guidance)


def _view(outputs: DenseOutputs, points: Tensor, published: bool, mirrored: bool) -> _View:
    cells = point_cells(points, outputs.grids, outputs.padded_size, published)
    return _View(outputs, flat_kernels(outputs)[0], outputs.mask_features[0], points, cells, mirrored)


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


def _candidates(view: _View, labels: Tensor, guidance: Guidance) -> tuple[_Candidates, CellMasks]:
    """All points x all levels in one product; the masks come back in rows point * L + level."""
    scores = torch.cat([category[0].flatten(1) for category in view.outputs.category], 1).sigmoid()
    found = cell_masks(view.kernels[view.cells.flatten()], view.features, guidance.mask_threshold)
    category = scores[labels[:, None], view.cells]
    consistency = torch.ones_like(category)
    if guidance.selection == "consistent":
        held = held_points(found.masks, view.xy).view(*category.shape, len(labels))
        consistency = consistency_of(held, labels, guidance.own_point_inside)
    maskness, area = found.maskness.view_as(category), found.area.view_as(category)
    return _Candidates(maskness, category, area, consistency), found


def held_points(masks: Tensor, points: Tensor) -> Tensor:
    """bool (M, N): which points, float (N, 2) in px of the input, each mask at stride 4, bool (M, h, w), holds."""
    column, row = (
        ((points[:, axis] + 0.5) / MASK_STRIDE).floor().long().clamp(0, masks.shape[2 - axis] - 1) for axis in (0, 1)
    )
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


def _ours(
    views: list[_View],
    labels: Tensor,
    image_size: tuple[int, int],
    original_size: tuple[int, int],
    guidance: Guidance,
) -> PointProposals:
    """One record per point. An empty level ranks by its category score alone and is passed over."""
    candidates = _mean([_candidates(view, labels, guidance)[0] for view in views])
    threshold = guidance.mask_threshold
    empty = candidates.area == 0
    ranked = torch.where(empty, candidates.category, candidates.value).argsort(dim=1, descending=True, stable=True)
    count, levels = ranked.shape
    rank = torch.zeros(count, dtype=torch.int64, device=ranked.device)
    masks = torch.zeros((count, *original_size), dtype=torch.bool, device=ranked.device)
    waiting = torch.arange(count, device=ranked.device)
    for _ in range(levels):
        level = ranked[waiting, rank[waiting]]
        for part, probability in _full_size(views, waiting, level, image_size, original_size):
            masks[part] = probability > threshold
        waiting = waiting[~masks[waiting].flatten(1).any(1)]
        rank[waiting] += 1
        if not len(waiting):
            break
    lost = rank == levels
    rank[lost] = 0
    level = ranked.gather(1, rank[:, None])[:, 0]
    if guidance.overlap == "exclusive":
        masks = _exclusive(masks, labels, views, level, image_size, original_size)
    maskness, category, consistency = (
        v.gather(1, level[:, None])[:, 0] for v in (candidates.maskness, candidates.category, candidates.consistency)
    )
    maskness = maskness.masked_fill(lost, 0)
    soft = None
    if guidance.soft:
        soft = _soft(views, level, image_size, original_size, masks.shape) * masks.flatten(1).any(1)[:, None, None]
    fallback = rank > 0
    fates = zip(lost.tolist(), fallback.tolist(), strict=True)
    fate = [EMPTY if gone else FALLBACK if fell else KEPT for gone, fell in fates]
    index = torch.arange(count, device=ranked.device)
    score = maskness * category * consistency
    return PointProposals(index, masks, level, score, maskness, category, fallback, fate, soft)


def _soft(
    views: list[_View], level: Tensor, image_size: tuple[int, int], original_size: tuple[int, int], shape: torch.Size
) -> Tensor:
    """uint8 (N, H0, W0): how many of SOFT_LEVELS the probability of each pixel exceeds."""
    steps = torch.zeros(shape, dtype=torch.uint8, device=level.device)
    points = torch.arange(len(level), device=level.device)
    for part, probability in _full_size(views, points, level, image_size, original_size):
        steps[part] = sum((probability > bound).to(torch.uint8) for bound in SOFT_LEVELS)
    return steps


def _mean(found: list[_Candidates]) -> _Candidates:
    """Candidates averaged over the views."""
    if len(found) == 1:
        return found[0]
    names = ("maskness", "category", "area", "consistency")
    return _Candidates(*(torch.stack([getattr(one, name) for one in found]).mean(0) for name in names))


def _full_size(
    views: list[_View], points: Tensor, level: Tensor, image_size: tuple[int, int], original_size: tuple[int, int]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Places of some points, int64 (M,), and the probabilities of their masks on the given levels (M, H0, W0), averaged
    over the views; in as many steps as memory asks for."""
    if not len(points):
        return
    step = max(1, masks_at_once(views[0].features, original_size) // len(views))
    for part, on in zip(points.split(step), level.split(step), strict=True):
        seen = []
        for view in views:
            kernels = view.kernels[view.cells[part, on]]
            one = enlarge(probabilities(kernels, view.features), image_size, original_size)
            seen.append(one.flip(-1) if view.mirrored else one)
        yield part, seen[0] if len(seen) == 1 else torch.stack(seen).mean(0)


def _exclusive(
    masks: Tensor, labels: Tensor, views: list[_View], level: Tensor, image_size: tuple[int, int],
    original_size: tuple[int, int],
) -> Tensor:  # fmt: skip
    """Masks bool (N, H0, W0) of which no two of a class share a pixel, unless one would be left with none."""
    masks = masks.clone()
    for label in labels.unique():
        same = (labels == label).nonzero()[:, 0]
        if int(masks[same].sum(0).max()) > 1:
            parts = _full_size(views, same, level[same], image_size, original_size)
            masks[same] = exclusive_masks(masks[same], torch.cat([probability for _, probability in parts]))
    return masks


def exclusive_masks(masks: Tensor, probability: Tensor) -> Tensor:
    """Pixels that several masks claim go to the likeliest, of equals the first; a mask that would be left empty stays.

    masks: bool (M, H, W); probability: float (M, H, W), of each pixel.
    """
    owner = probability.masked_fill(~masks, -1).argmax(0)
    kept = masks & (torch.arange(len(masks), device=masks.device)[:, None, None] == owner)
    return torch.where(kept.flatten(1).any(1)[:, None, None], kept, masks)


def _published(
    candidates: _Candidates,
    found: CellMasks,
    labels: Tensor,
    view: _View,
    image_size: tuple[int, int],
    original_size: tuple[int, int],
    guidance: Guidance,
) -> PointProposals:
    """Best level among the cells a point still owns; then `published_filter`."""
    owned = _owned(view.cells)
    value = candidates.value.masked_fill(~owned, -1)
    level = value.argmax(1)
    own = owned.any(1).nonzero()[:, 0]
    rows = own * view.cells.shape[1] + level[own]
    cell = view.cells.flatten()[rows]
    strides = cell_strides(view.outputs)[cell]
    words, order = published_filter(_take(found, rows), labels[own], strides, guidance.nms_iou)
    fate = [CELL_TAKEN] * len(labels)
    for point, word in zip(own.tolist(), words, strict=True):
        fate[point] = word
    index, level = own[order], level[own][order]
    kernels = view.kernels[cell[order]]
    masks = full_size_masks(kernels, view.features, image_size, original_size, guidance.mask_threshold)
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
