"""The refiner's input tensor, made by one function for training and inference (`method.md`, MaskRefineNet).

B crops, C classes, S side of the crop in px, P most other points of a crop.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from wssis.config.network import RefineNetSettings
from wssis.geometry.heatmaps import gaussian_maps, joint_map


def input_channels(num_classes: int, settings: RefineNetSettings) -> int:
    """Channels of the input: colour, point maps, the neighbours' map where there is one, rough mask."""
    return 3 + point_channels(num_classes, settings) + int(settings.neighbours) + 1


def point_channels(num_classes: int, settings: RefineNetSettings) -> int:
    """Channels that hold the object's own point: one per class, or one for all."""
    return num_classes if settings.point_maps == "class" else 1


def refiner_input(
    images: Tensor,
    rough: Tensor,
    points: Tensor,
    labels: Tensor,
    others: Tensor,
    num_classes: int,
    settings: RefineNetSettings,
    normalise: Callable[[Tensor], Tensor],
) -> Tensor:
    """Input (B, 3 + C + 1, S, S) float32: normalised RGB | point maps | neighbours' map, if set | rough mask.

    Everything is drawn on the device of `images`, after any augmentation.

    Args:
        images: (B, 3, S, S) RGB, 0-255, uint8 or float.
        rough: (B, S, S) of 0 and 1.
        points: (B, 2) own point as [x, y] in crop px; lights the channel of its class.
        labels: (B,) int64 class index, 0-based.
        others: (B, P, 2) other points, padded with `geometry.heatmaps.NOWHERE`; read where `neighbours` is set.
        normalise: the backbone's normalisation.
    """
    size, sigma, radius = images.shape[-1], settings.heatmap_sigma, settings.heatmap_radius
    own = gaussian_maps(points, size, sigma, radius)
    maps = own.new_zeros(len(own), point_channels(num_classes, settings), size, size)
    channels = labels if settings.point_maps == "class" else torch.zeros_like(labels)
    maps[torch.arange(len(own), device=own.device), channels] = own
    parts = [normalise(images), maps]
    if settings.neighbours:
        parts.append(joint_map(others, size, sigma, radius).unsqueeze(1))
    return torch.cat([*parts, rough.to(own.dtype).unsqueeze(1)], dim=1)
