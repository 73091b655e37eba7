"""The objects of one training image."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Instances:
    """The objects of one image, in px of the network's input; N objects, image H x W before padding.

    masks: bool or uint8 (N, H, W); labels: int64 (N,), class indices; boxes: float32 (N, 4), xyxy with exclusive
    x2, y2; points: float32 (N, 2), [x, y], only read where `has_mask` is False; has_mask: bool (N,); weights: float32
    (N,), of the mask loss; ignore: bool (H, W), pixels of crowd regions, or None; uncertain: uint8 (N, H, W), pixels
    that an object's own mask loss does not count, or None.
    """

    masks: Tensor
    labels: Tensor
    boxes: Tensor
    points: Tensor
    has_mask: Tensor
    weights: Tensor
    ignore: Tensor | None = None
    uncertain: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Instances":
        """The same objects on another device."""
        fields = ("masks", "labels", "boxes", "points", "has_mask", "weights")
        moved = {name: getattr(self, name).to(device, non_blocking=non_blocking) for name in fields}
        some = {name: getattr(self, name) for name in ("ignore", "uncertain") if getattr(self, name) is not None}
        moved |= {name: value.to(device, non_blocking=non_blocking) for name, value in some.items()}
        return replace(self, **moved)


def from_masks(masks: Tensor, labels: Tensor, ignore: Tensor | None = None) -> Instances:
    """Objects that all have a mask; boxes and points (centres of mass) come from the masks.

    masks: bool or uint8 (N, H, W); labels: int64 (N,). An empty mask gets an empty box at the origin.
    """
    count, device = len(labels), masks.device
    columns, rows = masks.amax(1) > 0, masks.amax(2) > 0
    present = columns.any(1)
    boxes = torch.stack([_first(columns), _first(rows), _last(columns), _last(rows)], 1).float() * present[:, None]
    points, _ = mass_centres(masks)
    ones = torch.ones(count, device=device)
    return Instances(masks, labels, boxes, points, ones.bool(), ones, ignore)


def mass_centres(masks: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 (N, H, W) -> centres of mass in pixel indices, float32 (N, 2) as [x, y], and bool (N,): any pixel at all.

    >>> mass_centres(torch.tensor([[[0, 0, 0], [0, 1, 1]]], dtype=torch.uint8))
    (tensor([[1.5000, 1.0000]]), tensor([True]))
    """
    columns, rows = masks.sum(1, dtype=torch.float32), masks.sum(2, dtype=torch.float32)
    area = columns.sum(1)
    x = torch.arange(columns.shape[1], device=masks.device, dtype=torch.float32)
    y = torch.arange(rows.shape[1], device=masks.device, dtype=torch.float32)
    moments = torch.stack([(columns * x).sum(1), (rows * y).sum(1)], 1)
    return moments / area.clamp(min=1e-6)[:, None], area > 0


def _first(flags: Tensor) -> Tensor:
    """Index of the first True of each row (0 where there is none)."""
    return flags.to(torch.uint8).argmax(1)


def _last(flags: Tensor) -> Tensor:
    """One past the last True of each row."""
    return flags.shape[1] - flags.flip(1).to(torch.uint8).argmax(1)
