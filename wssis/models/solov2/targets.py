"""Training targets of SOLOv2 (`method.md`, SOLOv2) from masks, for a whole batch and all levels at once.

B images, N objects in all, L levels, T cells of all levels together; see `wssis.models.solov2.cells`.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from wssis.config.network import SOLOv2Settings
from wssis.models.solov2.cells import (
    Cells,
    Grids,
    centre_cells,
    grid_cell,
    grids_of,
    levels_of,
    on_device,
    owners,
    pairs_of,
)
from wssis.models.solov2.instances import Instances, mass_centres
from wssis.models.solov2.network import MASK_STRIDE

COVERED = 0.5
MOST_COVERED_CELLS = 16
FIXED_ONE = 2048


@dataclass(frozen=True)
class Targets(Cells):
    """What each cell should say, and the masks.

    masks: uint8 (N, h, w) at stride 4, the rows that `instance` tells; weights: float32 (N,); valid: float32 (B, h, w),
    0 in crowd regions, or None where no image has any; uncertain: uint8 (N, h, w), pixels that an object's mask loss
    does not count, or None where no object has any.
    """

    masks: Tensor
    weights: Tensor
    valid: Tensor | None
    uncertain: Tensor | None = None


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
    """Targets of a batch whose images are padded to `padded` (height, width), multiples of 32.

    On a GPU the host waits for the device twice: for the number of positive pairs, and for those of each image.
    """
    objects = _gather(instances, padded)
    grids = grids_of(settings.grids, objects.labels.device)
    centres, present = mass_centres(objects.masks)
    small = _quarter([one.masks for one in instances], padded)
    on_level = levels_of(objects.boxes, settings.scale_ranges) & (present & objects.has_mask)[:, None]
    candidates = centre_cells(centres, objects.boxes, on_level, grids, settings.sigma, padded)
    if settings.positives == "mask":
        candidates = _covered_cells(small, centres, on_level, settings.grids, padded, candidates)
    ignored = _unmasked_cells(objects, grids, len(instances), padded)
    instance, cell = pairs_of(*candidates, ignored, objects.image)
    image = objects.image[instance]
    owner, pairs, positives = owners(instance, cell, image, len(instances), grids.cells)
    crowd = _crowd(instances, padded)
    if crowd is not None:
        ignored |= _cells_inside(crowd, settings.grids) & (owner < 0)
    return Targets(
        # Cells without an owner (-1) find the last label, that of the background.
        category=F.pad(objects.labels, (0, 1), value=num_classes)[owner],
        ignored=ignored, image=image, cell=cell, instance=instance, pairs=pairs, positives=positives, masks=small,
        weights=objects.weights, valid=None if crowd is None else 1 - quarter_masks(crowd).float(),
        uncertain=_uncertain(instances, padded),
    )  # fmt: skip


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


def _gather(instances: list[Instances], padded: tuple[int, int]) -> _Objects:
    masks = torch.cat([_pad(one.masks, padded) for one in instances])
    image = on_device([number for number, one in enumerate(instances) for _ in range(len(one))], masks.device)
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


def _covered_cells(
    small: Tensor,
    centres: Tensor,
    on_level: Tensor,
    grids: tuple[int, ...],
    padded: tuple[int, int],
    centre: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """Cells at least half covered by the mask, the 16 nearest to its centre of mass; centre cells where there are none.

    `centre` and the result: candidates, int64 (N, K), and which of them are meant, bool (N, K); the result is sorted
    by cell, those that are not meant last.
    """
    candidates, chosen, bare = [], [], []
    start = 0
    for level, grid in enumerate(grids):
        coverage = F.adaptive_avg_pool2d(small[:, None].float(), grid).flatten(1)
        place = (torch.arange(grid, device=small.device) + 0.5) / grid
        across, down = place * padded[1] - centres[:, :1], place * padded[0] - centres[:, 1:]
        away = across[:, None, :].square() + down[:, :, None].square()
        covered = (coverage >= COVERED) & on_level[:, level, None]
        order = away.flatten(1).masked_fill(~covered, torch.inf).sort(dim=1, stable=True).indices
        order = order[:, :MOST_COVERED_CELLS]
        candidates.append(start + order)
        chosen.append(covered.gather(1, order))
        bare.append(~covered.any(1))
        start += grid * grid
    around = centre[1] & torch.stack(bare, 1).repeat_interleave(centre[1].shape[1] // len(grids), dim=1)
    cell, meant = torch.cat([*candidates, centre[0]], 1), torch.cat([*chosen, around], 1)
    cell, order = cell.masked_fill(~meant, start).sort(dim=1, stable=True)
    return cell, meant.gather(1, order)


def _unmasked_cells(objects: _Objects, grids: Grids, images: int, padded: tuple[int, int]) -> Tensor:
    """bool (B, T): the cell of each unmasked object's point and the 8 around it, on every level."""
    flags = torch.zeros(images, grids.cells + 1, dtype=torch.bool, device=grids.sides.device)
    steps = torch.arange(-1, 2, device=grids.sides.device)
    row = grid_cell(objects.points[:, 1], padded[0], grids.sides)[..., None] + steps
    column = grid_cell(objects.points[:, 0], padded[1], grids.sides)[..., None] + steps
    row_in, column_in = ((index >= 0) & (index < grids.sides[:, None]) for index in (row, column))
    cell = (grids.starts[:, None] + row * grids.sides[:, None])[..., :, None] + column[..., None, :]
    # Neighbours beyond the grid, and all of an object with a mask, are sent to one cell too many, which is dropped.
    meant = row_in[..., :, None] & column_in[..., None, :] & ~objects.has_mask[:, None, None, None]
    flags[objects.image[:, None], torch.where(meant, cell, grids.cells).flatten(1)] = True
    return flags[:, : grids.cells]


def _uncertain(instances: list[Instances], padded: tuple[int, int]) -> Tensor | None:
    """uint8 (N, h, w) at stride 4; None where no object has uncertain pixels."""
    if all(one.uncertain is None for one in instances):
        return None
    given = (torch.zeros_like(one.masks) if one.uncertain is None else one.uncertain for one in instances)
    return _quarter(list(given), padded)


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
