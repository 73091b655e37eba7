"""Synthetic inputs of the segmentor: images of noise with ellipses as objects. Speed does not depend on their content.

Legend: N objects, H x W the image.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from wssis.config.network import BackboneSettings, SOLOv2Settings
from wssis.models.solov2.instances import Instances, from_masks
from wssis.models.solov2.network import DenseOutputs, SOLOv2

CLASSES = 80
PUBLISHED_SIZE = (800, 1333)
TRAINING_SIZE = (512, 512)
TEACHER: Mapping[str, Any] = {
    "grids": (80, 64, 32, 24, 12),
    "scale_ranges": ((1, 72), (72, 144), (144, 288), (288, 584), (584, 2048)),
}
"""Grids and scale ranges of the published teacher; the settings' defaults are the student's."""


def resnet50(**changes: Any) -> SOLOv2Settings:
    """SOLOv2 with ResNet-50 and trained norms, otherwise as published; `changes` replaces fields."""
    return SOLOv2Settings(backbone=BackboneSettings(name="resnet50", norm="batch"), **changes)


def random_segmentor(settings: SOLOv2Settings, device: torch.device) -> SOLOv2:
    """A network with random weights, the same at every call, in evaluation mode."""
    torch.manual_seed(1)
    return SOLOv2(settings, CLASSES).to(device).eval()


def random_images(count: int, size: tuple[int, int], device: torch.device) -> list[Tensor]:
    """Noise, uint8 (3, H, W) each."""
    generator = torch.Generator().manual_seed(2)
    return [torch.randint(256, (3, *size), dtype=torch.uint8, generator=generator).to(device) for _ in range(count)]


def ellipses(count: int, size: tuple[int, int], seed: int) -> Instances:
    """Objects of all sizes: diameters are spread evenly, on a logarithmic scale, over 1/32 to 1/2 of the shorter side.

    Masks are uint8 (N, H, W); the centre of each ellipse lies inside the image.
    """
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    share = torch.rand(4, count, 1, 1, generator=generator)
    radius = min(size) / 2 * 2.0 ** (-5 + 4 * share[0])
    stretch = 2.0 ** (share[1] - 0.5)
    rows = (torch.arange(height).view(-1, 1) - share[2] * (height - 1)) / (radius * stretch)
    columns = (torch.arange(width).view(1, -1) - share[3] * (width - 1)) / (radius / stretch)
    masks = (rows.square() + columns.square() <= 1).to(torch.uint8)
    return from_masks(masks, torch.randint(CLASSES, (count,), generator=generator))


def random_outputs(settings: SOLOv2Settings, size: tuple[int, int], device: torch.device) -> DenseOutputs:
    """Dense outputs of one image of `size`, padded to multiples of 32, without running a network.

    Mask features are smooth and signed, so that masks are blobs of all sizes.
    """
    generator = torch.Generator().manual_seed(3)
    height, width = (-(-side // 32) * 32 for side in size)
    channels = settings.kernel_channels

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device)

    coarse = normal(1, channels, height // 64, width // 64)
    features = torch.nn.functional.interpolate(coarse, (height // 4, width // 4), mode="bilinear")
    category = [normal(1, CLASSES, grid, grid) for grid in settings.grids]
    kernel = [normal(1, channels, grid, grid) / 8 for grid in settings.grids]
    return DenseOutputs(category, kernel, features)
