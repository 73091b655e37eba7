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
    """Channels that hold the object's own point: one per class (published mistake: and one more), or one for all."""
    if settings.point_maps == "shared":
        return 1
    return num_classes + 1 if settings.class_channel == "published" else num_classes


def refiner_input(
    images: Tensor,
    rough: Tensor,
    points: Tensor,
    labels: Tensor,
    others: Tensor,
    num_classes: int,
    settings: RefineNetSettings,
    normalise: Callable[[Tensor], Tensor],
    training: bool = False,
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
        training: read where `class_channel` is published alone; else training and inference do not differ.
    """
    size, sigma, radius = images.shape[-1], settings.heatmap_sigma, settings.heatmap_radius
    own = gaussian_maps(points, size, sigma, radius)
    maps = own.new_zeros(len(own), point_channels(num_classes, settings), size, size)
    channels = labels if settings.point_maps == "class" else torch.zeros_like(labels)
    if settings.class_channel == "published":
        channels = labels if training else labels + 1
        own = own * (channels > 0).view(-1, 1, 1)
    maps[torch.arange(len(own), device=own.device), channels] = own
    clicks = [maps]
    if settings.neighbours:
        clicks.append(joint_map(others, size, sigma, radius).unsqueeze(1))
    if settings.inputs in ("rough", "image"):
        clicks = [torch.zeros_like(one) for one in clicks]
    last = rough.to(own.dtype).unsqueeze(1)
    if settings.inputs in ("points", "image"):
        last = torch.zeros_like(last)
    return torch.cat([normalise(images), *clicks, last], dim=1)


def trained_target(target: Tensor, labels: Tensor, settings: RefineNetSettings) -> Tensor:
    """Target (B, S, S) as it is trained on: itself, or with the published mistake empty for the first class.

    labels: int64 (B,).
    """
    if settings.class_channel == "correct":
        return target
    return target * (labels > 0).view(-1, 1, 1).to(target.dtype)
