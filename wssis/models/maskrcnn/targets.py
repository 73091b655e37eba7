"""What a box network should say of a batch of images.

Legend: B images, O objects of all images together, image by image; P points per object, padded; h x w an image's size.
Coordinates are continuous, px of the network's input: pixel (row, column) is the square [column, column + 1) x
[row, row + 1).
"""

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

IGNORED = -1.0
"""Label of a point that has no say: it left the image, lies outside the proposal, or is padding."""


@dataclass(frozen=True)
class BoxTargets:
    """Objects of B images.

    boxes: per image float32 (O_b, 4), xyxy; classes: per image int64 (O_b,), 0-based; masks: per image uint8
    (M_b, h, w), 0 or 1; mask_of: int64 (O,), place of an object's mask among those of its image, -1 without one;
    points: float32 (O, P, 2), x, y; point_labels: float32 (O, P), 1 object, 0 background, -1 ignored; point_counts:
    float32 (O,), points that an object was given, those that left the image included, 0 for none; crowd: per image bool
    (h, w), True where nothing may be said about the background, or None.
    """

    boxes: list[Tensor]
    classes: list[Tensor]
    masks: list[Tensor]
    mask_of: Tensor
    points: Tensor
    point_labels: Tensor
    point_counts: Tensor
    crowd: list[Tensor | None]

    @property
    def first(self) -> list[int]:
        """Place of every image's first object among all."""
        counts = [len(boxes) for boxes in self.boxes]
        return [sum(counts[:image]) for image in range(len(counts))]

    def to(self, device: torch.device) -> "BoxTargets":
        """The same on a device, copied without blocking."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "BoxTargets":
        """The same in pinned memory."""
        return self._each(lambda tensor: tensor.pin_memory())

    def _each(self, change: Any) -> "BoxTargets":
        def of(value: Any) -> Any:
            if isinstance(value, list):
                return [None if one is None else change(one) for one in value]
            return change(value)

        return BoxTargets(**{field.name: of(getattr(self, field.name)) for field in fields(self)})


def covered(boxes: Tensor, region: Tensor) -> Tensor:
    """Share of each box (N, 4), xyxy in px, that a region, bool (h, w), covers; box edges are rounded to pixels.

    A box without a pixel is not covered.
    """
    height, width = region.shape
    table = torch.zeros((height + 1, width + 1), dtype=torch.float32, device=region.device)
    table[1:, 1:] = region.float().cumsum(0).cumsum(1)
    limits = torch.tensor([width, height, width, height], device=boxes.device)
    left, top, right, bottom = boxes.round().long().clamp(min=0).minimum(limits).unbind(1)
    inside = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
    return inside / ((right - left) * (bottom - top)).clamp(min=1)
