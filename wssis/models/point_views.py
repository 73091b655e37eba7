"""What point guidance works on: the network's outputs on an image, and on its mirror image, with the points on them.

N points, L levels, T cells of all levels, K kernel channels, h x w the mask features' size, H0 x W0 the original image.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wssis.models.solov2.inference import enlarge, flat_kernels, masks_at_once
from wssis.models.solov2.network import MASK_STRIDE, DenseOutputs

PUBLISHED_UNIT = 1e4

Enlarged = Callable[[Tensor], Iterator[tuple[Tensor, Tensor]]]
"""Which points, int64 (M,) -> some of them at a time, with the probabilities of their masks, float32 (m, H0, W0)."""


@dataclass(frozen=True)
class View:
    """The network's outputs on an image as it is, or mirrored, and the points on it.

    kernels (T, K), features (K, h, w), scores (C, T): category scores; xy float (N, 2) in px of the network's input;
    cells int64 (N, L) of all cells.
    """

    outputs: DenseOutputs
    kernels: Tensor
    features: Tensor
    scores: Tensor
    xy: Tensor
    cells: Tensor
    mirrored: bool


@dataclass(frozen=True)
class Sizes:
    """(height, width) of the network's input before padding, and of the image that masks are given at."""

    image: tuple[int, int]
    original: tuple[int, int]


@dataclass(frozen=True)
class Chosen:
    """A mask for every point: masks bool (N, H0, W0); level int64 (N,); score, maskness, category float32 (N,);
    fallback: bool (N,), the first choice was empty; lost: bool (N,), all were; enlarged: the masks' probabilities."""

    masks: Tensor
    level: Tensor
    score: Tensor
    maskness: Tensor
    category: Tensor
    fallback: Tensor
    lost: Tensor
    enlarged: Enlarged


def view_of(outputs: DenseOutputs, points: Tensor, published: bool, mirrored: bool) -> View:
    """The view of a batch of one; points float (N, 2), [x, y] in px of this view; published: as `point_cells`."""
    cells = point_cells(points, outputs.grids, outputs.padded_size, published)
    scores = torch.cat([category[0].flatten(1) for category in outputs.category], 1).sigmoid()
    return View(outputs, flat_kernels(outputs)[0], outputs.mask_features[0], scores, points, cells, mirrored)


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


def pixel_of(points: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Row and column, int64 (N,), of the pixel at stride 4 that each point lies in; beyond the rim, of that at the rim.

    points: float (N, 2), [x, y] in px of the network's input; size: (height, width) at stride 4.
    """
    column, row = (
        ((points[:, axis] + 0.5) / MASK_STRIDE).floor().long().clamp(0, size[1 - axis] - 1) for axis in (0, 1)
    )
    return row, column


def full_size(
    views: Sequence[View], parts: Callable[[Tensor], list[Tensor]], sizes: Sizes, points: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Some of the points at a time, int64 (m,), and the probabilities of their masks (m, H0, W0): the views' sum.

    parts: points -> for every view, what it gives to their masks, float32 (m, h, w).
    """
    if not len(points):
        return
    step = max(1, masks_at_once(views[0].features, sizes.original) // len(views))
    for some in points.split(step):
        seen = []
        for view, part in zip(views, parts(some), strict=True):
            one = enlarge(part, sizes.image, sizes.original)
            seen.append(one.flip(-1) if view.mirrored else one)
        yield some, seen[0] if len(seen) == 1 else torch.stack(seen).sum(0)
