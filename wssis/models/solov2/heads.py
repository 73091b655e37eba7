"""The two branches of SOLOv2 (`method.md`, SOLOv2): categories and kernels on grids, and the unified mask features.

B batch, C classes, K kernel channels, S grid cells per side, h x w size of a feature map.
"""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_GROUPS = 32
INIT_STD = 0.01
CATEGORY_PRIOR = 0.01


def coordinates(height: int, width: int, like: Tensor) -> Tensor:
    """Coordinate channels x, y in [-1, 1]: (1, 2, height, width), of the device and type of `like`."""
    # torch.compile would make a graph of its own for each number of steps that it finds in linspace.
    axis = evenly if torch.compiler.is_compiling() else partial(torch.linspace, -1, 1)
    x = axis(width, device=like.device, dtype=like.dtype)
    y = axis(height, device=like.device, dtype=like.dtype)
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)])[None]


def evenly(steps: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """`torch.linspace(-1, 1, steps)` for `steps` above 1, in operations that take a symbolic size: (steps,).

    As there, both halves are counted from their own end, with a float32 step and one rounding.
    """
    index = torch.arange(steps, device=device, dtype=torch.float64)
    step = torch.full((), 2 / (steps - 1), device=device, dtype=torch.float32).double()
    return torch.where(index < steps // 2, index * step - 1, 1 - (steps - 1 - index) * step).float().to(dtype)


def with_coordinates(feature: Tensor) -> Tensor:
    """(B, c, h, w) -> (B, c + 2, h, w)."""
    height, width = feature.shape[-2:]
    return torch.cat([feature, coordinates(height, width, feature).expand(len(feature), -1, -1, -1)], 1)


def resize(feature: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear, align_corners False; untouched where the size is already right."""
    if tuple(feature.shape[-2:]) == size:
        return feature
    return F.interpolate(feature, size=size, mode="bilinear", align_corners=False)


def conv_norm_relu(in_channels: int, out_channels: int, kernel: int = 3) -> nn.Sequential:
    """Convolution without bias, GroupNorm (32 groups, or as many as divide the channels), ReLU."""
    convolution = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
    nn.init.normal_(convolution.weight, std=INIT_STD)
    norm = nn.GroupNorm(math.gcd(NORM_GROUPS, out_channels), out_channels)
    return nn.Sequential(convolution, norm, nn.ReLU(inplace=True))


def tower(in_channels: int, channels: int, convs: int) -> nn.Sequential:
    """`convs` times conv 3x3, GroupNorm, ReLU."""
    return nn.Sequential(*(conv_norm_relu(in_channels if i == 0 else channels, channels) for i in range(convs)))


def _predictor(in_channels: int, out_channels: int, bias: float) -> nn.Conv2d:
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    nn.init.normal_(convolution.weight, std=INIT_STD)
    nn.init.constant_(convolution.bias, bias)
    return convolution


class InstanceHead(nn.Module):
    """Per grid cell: category logits and the kernel of the cell's mask. Weights are shared between levels."""

    def __init__(
        self, in_channels: int, channels: int, convs: int, kernels: int, classes: int, grids: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.grids = grids
        self.category_tower = tower(in_channels, channels, convs)
        self.kernel_tower = tower(in_channels + 2, channels, convs)
        self.category = _predictor(channels, classes, -math.log((1 - CATEGORY_PRIOR) / CATEGORY_PRIOR))
        self.kernel = _predictor(channels, kernels, 0.0)

    def forward(self, pyramid: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """P2-P6 -> per level category logits (B, C, S, S) and kernels (B, K, S, S)."""
        p2, p3, p4, p5, p6 = pyramid
        half = F.interpolate(p2, scale_factor=0.5, mode="bilinear", align_corners=False)
        levels = [half, p3, p4, p5, resize(p6, tuple(p5.shape[-2:]))]
        pairs = [self._level(feature, grid) for feature, grid in zip(levels, self.grids, strict=True)]
        return [category for category, _ in pairs], [kernel for _, kernel in pairs]

    def _level(self, feature: Tensor, grid: int) -> tuple[Tensor, Tensor]:
        # Coordinates are laid out at the feature's size and then resized, as the published code does.
        places = resize(coordinates(*feature.shape[-2:], feature), (grid, grid))
        feature = resize(feature, (grid, grid))
        placed = torch.cat([feature, places.expand(len(feature), -1, -1, -1)], 1)
        return self.category(self.category_tower(feature)), self.kernel(self.kernel_tower(placed))


class MaskHead(nn.Module):
    """Unified mask features at stride 4 from P2-P5; coordinates enter at P5 only."""

    def __init__(self, in_channels: int, channels: int, kernels: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList()
        for level in range(4):
            first = in_channels + 2 if level == 3 else in_channels
            stages = [conv_norm_relu(first if i == 0 else channels, channels) for i in range(max(1, level))]
            self.levels.append(nn.ModuleList(stages))
        self.output = conv_norm_relu(channels, kernels, kernel=1)

    def forward(self, pyramid: list[Tensor]) -> Tensor:
        """P2-P5 -> (B, K, H / 4, W / 4)."""
        total = self.levels[0][0](pyramid[0])
        for level in (1, 2, 3):
            feature = with_coordinates(pyramid[level]) if level == 3 else pyramid[level]
            for stage in self.levels[level]:
                feature = F.interpolate(stage(feature), scale_factor=2, mode="bilinear", align_corners=False)
            total = total + feature
        return self.output(total)
