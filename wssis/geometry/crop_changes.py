"""Random changes of crops for training: drawn one by one from a seed, applied to a batch on its device.

Positions t are continuous: 0 is the crop's left edge, S its right edge. A point p of a crop ("the index as it is",
see `geometry.crops.to_crop`) lies at t = p + k / 2, where k = S / window side is the crop's pixels per image pixel.
So a flipped or zoomed crop gets exactly the point that the flipped image or smaller window would have given.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wssis.config.mask_stages import CropAugmentationSettings

KEEP_INSIDE = 0.02  # least distance of the moved point from the crop's edge, over S
NOISE_CELLS = 6  # cells of the noise that deforms a rough mask, per side
NOISE_SHIFT, NOISE_ZOOM, NOISE_LEVEL, NOISE_BUMPS = 0.06, 0.1, 0.25, 0.3


@dataclass(frozen=True)
class CropChange:
    """What happens to one crop; matrices (2, 3) float64 map old to new positions t.

    `rough_matrix` also holds the extra shift of a deformed rough mask, `bumps` (cells, cells) is what is added to
    that mask, blurred, before it is cut at one half; `deform` says whether. `colour` = brightness, contrast,
    saturation factors.
    """

    matrix: np.ndarray
    rough_matrix: np.ndarray
    deform: bool
    bumps: np.ndarray
    colour: np.ndarray


def draw_change(
    rng: np.random.Generator, settings: CropAugmentationSettings, point: np.ndarray, scale: np.ndarray, size: int
) -> CropChange:
    """Draw the change of one crop of side `size`, whose own point (2,) stays inside; `scale` (2,) is k in x and y.

    The number of draws does not depend on the settings: one setting changes nothing but its own effect.
    """
    low, high = settings.zoom
    zoom = np.exp(rng.uniform(np.log(low), np.log(high)))
    stretch = np.exp(0.5 * rng.uniform(-1, 1) * -np.log1p(-settings.aspect))
    angle = np.deg2rad(settings.rotate * rng.uniform(-1, 1))
    flip = -1.0 if rng.uniform() < settings.flip else 1.0
    shift = settings.shift * size * rng.uniform(-1, 1, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = _about_centre(turn @ np.diag([flip * zoom * stretch, zoom / stretch]), shift, size)
    matrix[:, 2] += _correction(matrix @ np.array([*(point + scale / 2), 1.0]), size)
    colour = 1 + settings.jitter * rng.uniform(-1, 1, 3)
    deform = bool(rng.uniform() < settings.rough_noise)
    noise = _about_centre(
        np.eye(2) * (1 + NOISE_ZOOM * rng.uniform(-1, 1)), NOISE_SHIFT * size * rng.uniform(-1, 1, 2), size
    )
    bumps = NOISE_LEVEL * rng.uniform(-1, 1) + NOISE_BUMPS * rng.standard_normal((NOISE_CELLS, NOISE_CELLS))
    return CropChange(matrix, _compose(matrix, noise) if deform else matrix, deform, bumps, colour)


def move_points(points: np.ndarray, matrix: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Points (N, 2) after a change, float32; the matrix also changes k, so that the half pixel is of the new size.

    >>> mirror = np.array([[-1.0, 0.0, 8.0], [0.0, 1.0, 0.0]])
    >>> move_points(np.array([[0.0, 3.0]]), mirror, np.array([2.0, 2.0])).tolist()
    [[6.0, 3.0]]
    """
    centres = np.asarray(points, dtype=np.float64) + scale / 2
    new_scale = scale * np.linalg.norm(matrix[:, :2], axis=0)
    return (centres @ matrix[:, :2].T + matrix[:, 2] - new_scale / 2).astype(np.float32)


def warp_images(images: Tensor, matrices: Tensor) -> Tensor:
    """Bilinear warp of images (B, 3, S, S) by matrices (B, 2, 3); the edge is repeated outside."""
    return F.grid_sample(images.float(), _grid(matrices, images.shape), padding_mode="border", align_corners=False)


def warp_masks(masks: Tensor, matrices: Tensor) -> Tensor:
    """Warp masks (B, S, S) of 0 and 1, float32 of 0 and 1; nothing outside."""
    return (warp_soft_masks(masks, matrices) > 0.5).float()


def deform_masks(masks: Tensor, bumps: Tensor) -> Tensor:
    """Grow, shrink and dent masks (B, S, S): blurred, bumps (B, cells, cells) added, cut at one half again."""
    soft, noise = _blurred(masks), _spread(bumps, masks.shape[-1])
    touched = (soft > 0) & (soft < 1)  # bumps dent the border; they make no islands far from it
    return torch.where(touched, (soft + noise > 0.5).float(), soft.round()).squeeze(1)


def deform_soft_masks(masks: Tensor, bumps: Tensor) -> Tensor:
    """Likewise of soft masks (B, S, S), 0 to 1: near the border, blurred and with bumps added; soft again."""
    soft, noise = _blurred(masks), _spread(bumps, masks.shape[-1])
    touched = (soft > 0) & (soft < 1)
    return torch.where(touched, (soft + noise).clamp(0, 1), soft).squeeze(1)


def _blurred(masks: Tensor) -> Tensor:
    """Masks (B, S, S) after two box filters (B, 1, S, S)."""
    width = 2 * (masks.shape[-1] // 24) + 1
    soft = masks.unsqueeze(1)
    for _ in range(2):
        soft = F.avg_pool2d(soft, width, stride=1, padding=width // 2, count_include_pad=False)
    return soft


def _spread(bumps: Tensor, size: int) -> Tensor:
    """Bumps (B, cells, cells) over the whole crop (B, 1, size, size)."""
    return F.interpolate(bumps.unsqueeze(1).float(), (size, size), mode="bilinear", align_corners=False)


def jitter_colour(images: Tensor, factors: Tensor) -> Tensor:
    """Brightness, contrast, saturation factors (B, 3) on images (B, 3, S, S), 0-255."""
    brightness, contrast, saturation = (factors[:, i].view(-1, 1, 1, 1).to(images.dtype) for i in range(3))
    images = images * brightness
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + (images - mean) * contrast
    grey = images.mean(dim=1, keepdim=True)
    return (grey + (images - grey) * saturation).clamp(0, 255)


def warp_soft_masks(masks: Tensor, matrices: Tensor) -> Tensor:
    """Warp masks (B, S, S) of 0 to 1, bilinear, float32; nothing outside."""
    stacked = masks.unsqueeze(1).float()
    return F.grid_sample(stacked, _grid(matrices, stacked.shape), padding_mode="zeros", align_corners=False).squeeze(1)


def _grid(matrices: Tensor, shape: torch.Size) -> Tensor:
    """Sampling grid (B, S, S, 2) of new positions' old places, in -1 ... 1."""
    size = shape[-1]
    # `inv` would wait for the device to ask whether a matrix is singular; none is, for zoom and stretch are positive.
    linear = torch.linalg.inv_ex(matrices[:, :, :2].double()).inverse
    offset = linear @ (torch.ones_like(matrices[:, :, 2:]).double() - 2 / size * matrices[:, :, 2:].double()) - 1
    return F.affine_grid(torch.cat([linear, offset], dim=2).float(), list(shape), align_corners=False)


def _about_centre(linear: np.ndarray, shift: np.ndarray, size: int) -> np.ndarray:
    """Matrix (2, 3) of a linear map about the crop's centre, then a shift in px."""
    centre = np.full(2, size / 2)
    return np.concatenate([linear, (centre + shift - linear @ centre)[:, None]], axis=1)


def _compose(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Matrix (2, 3) of `first`, then `second`."""
    return second @ np.concatenate([first, [[0.0, 0.0, 1.0]]])


def _correction(position: np.ndarray, size: int) -> np.ndarray:
    """Shift that brings a position that left the crop back inside."""
    margin = KEEP_INSIDE * size
    return np.clip(position, margin, size - margin) - position
