"""Training targets of SOLOv2 (`method.md`, SOLOv2), for a whole batch and all levels at once.

B images, N objects in all, L levels, T cells of all levels together, P positive (cell, object) pairs.
Cells divide the padded image; a cell's index runs over the levels, finest first, and row by row within a level.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from wssis.config.network import SOLOv2Settings
from wssis.models.solov2.instances import Instances, mass_centres
from wssis.models.solov2.network import MASK_STRIDE

COVERED = 0.5
MOST_COVERED_CELLS = 16
FIXED_ONE = 2048


@dataclass(frozen=True)
class Targets:
    """What each cell should say.

    category: int64 (B, T), class index, or the number of classes for background; ignored: bool (B, T), cells without
    any loss; image, cell, instance: int64 (P,), image and cell of each positive pair and the row of `masks` it is to
    produce, sorted by image, then object, then level; masks: uint8 (N, h, w) at stride 4; weights: float32 (N,);
    valid: float32 (B, h, w), 0 in crowd regions, or None where no image has any.
    """

    category: Tensor
    ignored: Tensor
    image: Tensor
    cell: Tensor
    instance: Tensor
    masks: Tensor
    weights: Tensor
    valid: Tensor | None


@dataclass(frozen=True)
class _Objects:
    """All objects of the batch; masks uint8 (N, H, W) padded, the rest as in Instances, `image` int64 (N,)."""

    masks: Tensor
    labels: Tensor
    boxes: Tensor
    points: Tensor
    has_mask: Tensor
    weights: Tensor
    image: Tensor


@torch.no_grad()
def build_targets(
    instances: list[Instances], settings: SOLOv2Settings, num_classes: int, padded: tuple[int, int]
) -> Targets:
    """Targets of a batch whose images are padded to `padded` (height, width), multiples of 32."""
    objects = _gather(instances, padded)
    grids = objects.labels.new_tensor(settings.grids)
    starts = grids.square().cumsum(0) - grids.square()
    cells = int(sum(grid * grid for grid in settings.grids))
    centres, present = mass_centres(objects.masks)
    small = _quarter([one.masks for one in instances], padded)
    on_level = _levels_of(objects.boxes, settings.scale_ranges) & (present & objects.has_mask)[:, None]
    instance, cell = _centre_cells(centres, objects.boxes, on_level, grids, starts, settings.sigma, padded)
    if settings.positives == "mask":
        instance, cell = _covered_cells(small, centres, on_level, settings.grids, padded, (instance, cell))
    image = objects.image[instance]
    ignored = _unmasked_cells(objects, grids, starts, cells, len(instances), padded)
    kept = ~ignored[image, cell]
    image, cell, instance = image[kept], cell[kept], instance[kept]
    owner = torch.full((len(instances) * cells,), -1, device=cell.device)
    owner = owner.scatter_reduce_(0, image * cells + cell, instance, "amax").view(len(instances), cells)
    labels = torch.cat([objects.labels, objects.labels.new_tensor([num_classes])])
    crowd = _crowd(instances, padded)
    if crowd is not None:
        ignored |= _cells_inside(crowd, settings.grids) & (owner < 0)
    valid = None if crowd is None else 1 - quarter_masks(crowd).float()
    return Targets(labels[owner], ignored, image, cell, instance, small, objects.weights, valid)


def quarter_masks(masks: Tensor) -> Tensor:
    """uint8 (N, H, W), 0 or 1 -> uint8 (N, H / 4, W / 4), sizes rounded half up: bilinear, then 1 from one half on.

    Where H and W are multiples of 4, that is: at least 2 of the 4 central pixels of each 4 x 4 block. Other sizes are
    stretched a little, as by the published code, with its integer weights of 1/2048.
    """
    (top, low, down), (left, right, across) = (_taps(size, masks.device) for size in masks.shape[-2:])
    upper, lower = masks.index_select(1, top), masks.index_select(1, low)
    down = down[:, None]
    columns = [
        upper.index_select(2, side).int() * (FIXED_ONE - down) + lower.index_select(2, side).int() * down
        for side in (left, right)
    ]
    total = columns[0] * (FIXED_ONE - across) + columns[1] * across
    return (total >= FIXED_ONE * FIXED_ONE // 2).to(torch.uint8)


def _taps(size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For each of size / 4 samples: the two pixels it lies between, and the second one's weight in 1/2048, int32."""
    count = max(1, int(size / MASK_STRIDE + 0.5))
    place = ((torch.arange(count, device=device) + 0.5).double() * (size / count) - 0.5).clamp(0, size - 1)
    first = place.long()
    weight = ((place - first) * FIXED_ONE).round().int()
    return first, (first + 1).clamp(max=size - 1), weight


def grid_cell(coordinate: Tensor, size: int, grids: Tensor) -> Tensor:
    """Coordinates in px (N,), any sign, and grid sizes (L,) -> cell index on each level, int64 (N, L), not clipped.

    In float32 and in this order of operations, so that ties fall as in the published code.
    """
    share = (coordinate / size)[:, None]
    return torch.div(share, (1.0 / grids.double()).to(share.dtype), rounding_mode="floor").long()


def _gather(instances: list[Instances], padded: tuple[int, int]) -> _Objects:
    masks = torch.cat([_pad(one.masks, padded) for one in instances])
    counts = torch.tensor([len(one) for one in instances], device=masks.device)
    image = torch.arange(len(instances), device=masks.device).repeat_interleave(counts, output_size=len(masks))
    joined = {
        name: torch.cat([getattr(one, name) for one in instances])
        for name in ("labels", "boxes", "points", "has_mask", "weights")
    }
    return _Objects(masks=masks, image=image, **joined)


def _pad(masks: Tensor, padded: tuple[int, int]) -> Tensor:
    """bool or uint8 (N, H, W) -> uint8 (N, *padded), zeros to the right and below."""
    height, width = masks.shape[-2:]
    masks = masks.view(torch.uint8) if masks.dtype == torch.bool else masks
    return masks if (height, width) == padded else F.pad(masks, (0, padded[1] - width, 0, padded[0] - height))


def _quarter(masks: list[Tensor], padded: tuple[int, int]) -> Tensor:
    """bool or uint8 (N_b, H_b, W_b) per image -> uint8 (N, h, w), at stride 4 of the padded image."""
    height, width = (size // MASK_STRIDE for size in padded)
    if len({one.shape[-2:] for one in masks}) == 1:
        masks = [torch.cat(masks)]
    return torch.cat([_pad(quarter_masks(_pad(one, one.shape[-2:])), (height, width)) for one in masks])


def _levels_of(boxes: Tensor, scale_ranges: tuple[tuple[float, float], ...]) -> Tensor:
    """Boxes xyxy (N, 4) -> bool (N, L): sqrt(w h) lies in the level's range, both ends included."""
    size = torch.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))[:, None]
    ranges = size.new_tensor(scale_ranges)
    return (size >= ranges[:, 0]) & (size <= ranges[:, 1])


def _centre_cells(
    centres: Tensor,
    boxes: Tensor,
    on_level: Tensor,
    grids: Tensor,
    starts: Tensor,
    sigma: float,
    padded: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """Cells within sigma x half box of the centre of mass, at most one away.

    Returns instance and cell index of each pair, int64 (P,).
    """
    spans = []
    for axis, size in ((1, padded[0]), (0, padded[1])):
        centre = centres[:, axis]
        half = 0.5 * (boxes[:, axis + 2] - boxes[:, axis]) * sigma
        middle = grid_cell(centre, size, grids)
        first = torch.maximum(grid_cell(centre - half, size, grids).clamp(min=0), middle - 1)
        last = torch.minimum(torch.minimum(grid_cell(centre + half, size, grids), grids - 1), middle + 1)
        spans.append((first, last))
    steps = torch.arange(3, device=grids.device)
    rows, columns = (first[..., None] + steps for first, _ in spans)
    row_in, column_in = (index <= last[..., None] for index, (_, last) in zip((rows, columns), spans, strict=True))
    inside = row_in[..., :, None] & column_in[..., None, :] & on_level[..., None, None]
    cell = (starts[:, None] + rows * grids[:, None])[..., :, None] + columns[..., None, :]
    return inside.nonzero()[:, 0], cell[inside]


def _covered_cells(
    small: Tensor,
    centres: Tensor,
    on_level: Tensor,
    grids: tuple[int, ...],
    padded: tuple[int, int],
    centre: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """Cells at least half covered by the mask, the 16 nearest to its centre of mass; centre cells where there are none.

    `centre` and the returned pairs: instance and cell index, int64 (P,).
    """
    instances, cells, covered = [], [], torch.zeros_like(on_level)
    start = 0
    for level, grid in enumerate(grids):
        coverage = F.adaptive_avg_pool2d(small[:, None].float(), grid).flatten(1)
        place = (torch.arange(grid, device=small.device) + 0.5) / grid
        across, down = place * padded[1] - centres[:, :1], place * padded[0] - centres[:, 1:]
        away = across[:, None, :].square() + down[:, :, None].square()
        chosen = (coverage >= COVERED) & on_level[:, level, None]
        order = away.flatten(1).masked_fill(~chosen, torch.inf).sort(dim=1, stable=True).indices[:, :MOST_COVERED_CELLS]
        row, rank = chosen.gather(1, order).nonzero(as_tuple=True)
        instances.append(row)
        cells.append(start + order[row, rank])
        covered[:, level] = chosen.any(1)
        start += grid * grid
    ends = torch.tensor(grids, device=small.device).square().cumsum(0)
    bare = ~covered[centre[0], torch.bucketize(centre[1], ends, right=True)]
    instance = torch.cat([*instances, centre[0][bare]])
    cell = torch.cat([*cells, centre[1][bare]])
    order = (instance * int(ends[-1]) + cell).argsort(stable=True)
    return instance[order], cell[order]


def _unmasked_cells(
    objects: _Objects, grids: Tensor, starts: Tensor, cells: int, images: int, padded: tuple[int, int]
) -> Tensor:
    """bool (B, T): the cell of each unmasked object's point and the 8 around it, on every level."""
    flags = torch.zeros(images, cells + 1, dtype=torch.bool, device=grids.device)
    points, image = objects.points[~objects.has_mask], objects.image[~objects.has_mask]
    steps = torch.arange(-1, 2, device=grids.device)
    row = grid_cell(points[:, 1], padded[0], grids)[..., None] + steps
    column = grid_cell(points[:, 0], padded[1], grids)[..., None] + steps
    row_in, column_in = ((index >= 0) & (index < grids[:, None]) for index in (row, column))
    cell = (starts[:, None] + row * grids[:, None])[..., :, None] + column[..., None, :]
    # Neighbours beyond the grid are sent to one cell too many, which is dropped.
    cell = torch.where(row_in[..., :, None] & column_in[..., None, :], cell, cells).flatten(1)
    flags[image[:, None], cell] = True
    return flags[:, :cells]


def _crowd(instances: list[Instances], padded: tuple[int, int]) -> Tensor | None:
    """uint8 (B, *padded), 1 in crowd regions; None where no image has any."""
    if all(one.ignore is None for one in instances):
        return None
    device = instances[0].labels.device
    empty = torch.zeros((1, *padded), dtype=torch.uint8, device=device)
    return torch.cat([empty if one.ignore is None else _pad(one.ignore[None], padded) for one in instances])


def _cells_inside(crowd: Tensor, grids: tuple[int, ...]) -> Tensor:
    """uint8 (B, H, W) -> bool (B, T): the pixel at the cell's centre is set."""
    flags = []
    for grid in grids:
        rows, columns = (
            ((torch.arange(grid, device=crowd.device) + 0.5) * size / grid).long() for size in crowd.shape[-2:]
        )
        flags.append(crowd[:, rows[:, None], columns].bool().flatten(1))
    return torch.cat(flags, 1)
