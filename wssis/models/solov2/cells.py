"""Which cells of SOLOv2's grids stand for which objects (`method.md`, SOLOv2), for a batch and all levels at once.

B images, N objects in all, L levels, T cells of all levels together, P positive (cell, object) pairs.
Cells divide the padded image; a cell's index runs over the levels, finest first, and row by row within a level.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Cells:
    """What each cell should say, and the cells that are to produce objects' masks.

    category: int64 (B, T), class index, or the number of classes for background; ignored: bool (B, T), cells without
    any loss; image, cell, instance: int64 (P,), image and cell of each positive pair and the row of the object whose
    mask it is to produce, sorted by image, then object, then level; pairs: positive pairs of each image; positives:
    cells of a class in the batch, both plain numbers, so that no loss has to ask the device.
    """

    category: Tensor
    ignored: Tensor
    image: Tensor
    cell: Tensor
    instance: Tensor
    pairs: list[int]
    positives: int

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """The same targets on another device."""
        return self._moved(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """The same targets in pinned memory, from which copies do not block."""
        return self._moved(Tensor.pin_memory)

    def _moved(self, move: Callable[[Tensor], Tensor]) -> Self:
        return replace(self, **{name: move(value) for name, value in vars(self).items() if isinstance(value, Tensor)})


@dataclass(frozen=True)
class Grids:
    """The grids of all levels: cells per side and each level's first cell, int64 (L,), and T, a plain number."""

    sides: Tensor
    starts: Tensor
    cells: int


def grids_of(sides: Sequence[int], device: torch.device) -> Grids:
    """Grids of these cells per side, level by level."""
    grids = on_device(sides, device)
    return Grids(grids, grids.square().cumsum(0) - grids.square(), sum(side * side for side in sides))


def on_device(
    numbers: Sequence[int | float | Sequence[float]], device: torch.device, dtype: torch.dtype = torch.int64
) -> Tensor:
    """Plain numbers as a tensor on a device, copied without waiting for it."""
    return torch.tensor(numbers, dtype=dtype).to(device, non_blocking=True)


def grid_cell(coordinate: Tensor, size: int, sides: Tensor) -> Tensor:
    """Coordinates in px (N,), any sign, and grid sizes (L,) -> cell index on each level, int64 (N, L), not clipped.

    In float32 and in this order of operations, so that ties fall as in the published code.
    """
    share = (coordinate / size)[:, None]
    return torch.div(share, (1.0 / sides.double()).to(share.dtype), rounding_mode="floor").long()


def levels_of(boxes: Tensor, scale_ranges: tuple[tuple[float, float], ...]) -> Tensor:
    """Boxes xyxy (N, 4) -> bool (N, L): sqrt(w h) lies in the level's range, both ends included."""
    size = torch.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))[:, None]
    ranges = on_device(scale_ranges, size.device, size.dtype)
    return (size >= ranges[:, 0]) & (size <= ranges[:, 1])


def centre_cells(
    centres: Tensor, boxes: Tensor, on_level: Tensor, grids: Grids, sigma: float, padded: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Cells within sigma x half box of the centres (N, 2), [x, y] in pixel indices, at most one away.

    Returns 9 candidates per level, int64 (N, L x 9), and which of them are meant, bool (N, L x 9); the others may lie
    outside the grid.
    """
    spans = []
    for axis, size in ((1, padded[0]), (0, padded[1])):
        centre = centres[:, axis]
        half = 0.5 * (boxes[:, axis + 2] - boxes[:, axis]) * sigma
        middle = grid_cell(centre, size, grids.sides)
        first = torch.maximum(grid_cell(centre - half, size, grids.sides).clamp(min=0), middle - 1)
        last = torch.minimum(torch.minimum(grid_cell(centre + half, size, grids.sides), grids.sides - 1), middle + 1)
        spans.append((first, last))
    steps = torch.arange(3, device=grids.sides.device)
    rows, columns = (first[..., None] + steps for first, _ in spans)
    row_in, column_in = (index <= last[..., None] for index, (_, last) in zip((rows, columns), spans, strict=True))
    inside = row_in[..., :, None] & column_in[..., None, :] & on_level[..., None, None]
    cell = (grids.starts[:, None] + rows * grids.sides[:, None])[..., :, None] + columns[..., None, :]
    return cell.flatten(1), inside.flatten(1)


def pairs_of(cell: Tensor, meant: Tensor, ignored: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """Instance and cell of each positive pair, int64 (P,), in the order of the objects' candidates (N, K).

    ignored: bool (B, T), cells without any loss; image: int64 (N,).
    """
    silent = ignored[image[:, None], cell.clamp(0, ignored.shape[1] - 1)]
    instance, place = (meant & ~silent).nonzero(as_tuple=True)
    return instance, cell[instance, place]


def owners(instance: Tensor, cell: Tensor, image: Tensor, images: int, cells: int) -> tuple[Tensor, list[int], int]:
    """Row of each cell's object, int64 (B, T), the later of several, -1 without one; pairs of each image; positives.

    instance, cell, image: int64 (P,), of the positive pairs; images: B; cells: T.
    """
    owner = torch.full((images * cells,), -1, device=cell.device)
    owner = owner.scatter_reduce_(0, image * cells + cell, instance, "amax").view(images, cells)
    counts = owner.new_zeros(images).index_add_(0, image, torch.ones_like(image))
    *pairs, positives = torch.cat([counts, (owner >= 0).sum()[None]]).tolist()
    return owner, pairs, positives
