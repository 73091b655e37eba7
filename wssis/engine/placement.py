"""Where the pixels of a training image come from: one mapping for image, masks, crowd and points alike.

A window of the source is resized, put on a canvas and, perhaps, mirrored. Pixel indices: 0 is the centre of the first
pixel, so a coordinate is moved by half a pixel before it is scaled.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wssis.config.training import AugmentationSettings

PADDING = (124, 116, 104)
"""Colour around an image that was made smaller: ImageNet's mean, RGB."""
FAST_PLANES = 4
"""Most planes that PyTorch resizes with vector instructions; more take three times as long, with the same result."""


@dataclass(frozen=True)
class Placement:
    """window: x0, y0, x1, y1 in the source, px; size: height, width it is resized to; offset: its top and left on the
    canvas; canvas: height, width of the result; flip: mirrored left to right in the end."""

    window: tuple[int, int, int, int]
    size: tuple[int, int]
    offset: tuple[int, int]
    canvas: tuple[int, int]
    flip: bool

    @property
    def fills(self) -> bool:
        """Whether the resized window covers the whole canvas."""
        return self.size == self.canvas


def scaled_size(height: int, width: int, short_side: int, long_side: int) -> tuple[int, int]:
    """Height and width with the given short side, or with the given long side if that would be exceeded."""
    scale = min(short_side / min(height, width), long_side / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def draw_placement(
    height: int, width: int, settings: AugmentationSettings, generator: np.random.Generator
) -> Placement:
    """Random short side, zoom (uniform in its logarithm), place of window or image (uniform) and flip."""
    canvas = scaled_size(height, width, int(generator.choice(settings.short_sides)), settings.long_side)
    low, high = np.log(settings.zoom)
    zoom = float(np.exp(generator.uniform(low, high)))
    across, down = generator.random(2)
    flip = bool(generator.random() < settings.flip)
    if zoom <= 1:
        size = (max(1, round(canvas[0] * zoom)), max(1, round(canvas[1] * zoom)))
        offset = (round(down * (canvas[0] - size[0])), round(across * (canvas[1] - size[1])))
        return Placement((0, 0, width, height), size, offset, canvas, flip)
    part = (max(1, round(height / zoom)), max(1, round(width / zoom)))
    top, left = round(down * (height - part[0])), round(across * (width - part[1]))
    return Placement((left, top, left + part[1], top + part[0]), canvas, (0, 0), canvas, flip)


def _resize(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 (C, H, W) -> uint8 (C, *size), bilinear, antialiased; four planes at a time, which is a fast case."""
    resized = planes.new_empty((len(planes), *size))
    for source, target in zip(planes.split(FAST_PLANES), resized.split(FAST_PLANES), strict=True):
        if len(source):
            target.copy_(F.interpolate(source[None], size, mode="bilinear", antialias=True, align_corners=False)[0])
    return resized


def _place(planes: Tensor, placement: Placement) -> Tensor:
    """Window, resize (bilinear, antialiased), flip: uint8 (C, H, W) -> uint8 (C, *size); no canvas yet."""
    x0, y0, x1, y1 = placement.window
    planes = planes[:, y0:y1, x0:x1]
    if planes.shape[-2:] != placement.size:
        planes = _resize(planes, placement.size)
    return planes.flip(-1) if placement.flip else planes


def _on_canvas(planes: Tensor, placement: Placement, background: Tensor) -> Tensor:
    """Put placed planes (C, *size) on a canvas of `background` (C, 1, 1)."""
    if placement.fills:
        return planes.contiguous()
    (height, width), (top, left) = placement.size, placement.offset
    if placement.flip:
        left = placement.canvas[1] - width - left
    canvas = background.expand(-1, *placement.canvas).clone()
    canvas[:, top : top + height, left : left + width] = planes
    return canvas


def place_image(image: Tensor, placement: Placement) -> Tensor:
    """RGB uint8 (3, H, W) -> uint8 (3, *canvas), padded with ImageNet's mean colour."""
    background = torch.tensor(PADDING, dtype=torch.uint8).view(3, 1, 1)
    return _on_canvas(_place(image, placement), placement, background)


def place_masks(masks: Tensor, placement: Placement) -> Tensor:
    """uint8 (N, H, W), 0 or 1 -> uint8 (N, *canvas), 0 or 1: a pixel is set where at least half of it is covered."""
    x0, y0, x1, y1 = placement.window
    if (y1 - y0, x1 - x0) == placement.size:
        placed = _place(masks, placement)
    else:
        placed = (_place(masks * 255, placement) >= 128).view(torch.uint8)
    return _on_canvas(placed, placement, torch.zeros((len(masks), 1, 1), dtype=torch.uint8))


def place_points(points: Tensor, placement: Placement) -> Tensor:
    """Points float (N, 2), [x, y] in pixel indices of the source -> the same places on the canvas."""
    x0, y0, x1, y1 = placement.window
    scale = points.new_tensor([placement.size[1] / (x1 - x0), placement.size[0] / (y1 - y0)])
    moved = (points + 0.5 - points.new_tensor([x0, y0])) * scale - 0.5
    moved = moved + points.new_tensor([placement.offset[1], placement.offset[0]])
    if placement.flip:
        moved = torch.stack([placement.canvas[1] - 1 - moved[:, 0], moved[:, 1]], 1)
    return moved


def inside(points: Tensor, canvas: tuple[int, int]) -> Tensor:
    """bool (N,): points float (N, 2) that lie on a canvas of (height, width)."""
    limits = points.new_tensor([canvas[1], canvas[0]]) - 0.5
    return ((points >= -0.5) & (points < limits)).all(1)


def mask_boxes(masks: Tensor) -> Tensor:
    """uint8 (N, H, W) -> float32 (N, 4), xyxy with exclusive x2, y2; all zero for an empty mask."""
    sides = []
    for flags in (masks.amax(1), masks.amax(2)):
        length = flags.shape[1]
        sides += [flags.argmax(1), (length - flags.flip(1).argmax(1)) * flags.amax(1)]
    left, right, top, bottom = sides
    return torch.stack([left, top, right, bottom], 1).float()
