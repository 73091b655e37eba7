"""Feature pyramid P2-P6 (`method.md`, SOLOv2): no norm, nearest-neighbour upsampling, P6 = P5 subsampled by 2."""

import torch.nn.functional as F
from torch import Tensor, nn

from wssis.errors import InputError

PYRAMID_STRIDES = (4, 8, 16, 32)


class FPN(nn.Module):
    """P2-P6 from backbone features; features at other strides than 4, 8, 16, 32 are passed over.

    Raises InputError if one of these strides is missing.
    """

    def __init__(self, in_channels: list[int], in_strides: list[int], channels: int) -> None:
        super().__init__()
        missing = [stride for stride in PYRAMID_STRIDES if stride not in in_strides]
        if missing:
            raise InputError(f"backbone.name: no feature at stride {missing}; the backbone's strides are {in_strides}")
        self.used = [in_strides.index(stride) for stride in PYRAMID_STRIDES]
        self.lateral = nn.ModuleList(nn.Conv2d(in_channels[i], channels, 1) for i in self.used)
        self.output = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in self.used)
        for convolution in [*self.lateral, *self.output]:
            nn.init.kaiming_uniform_(convolution.weight, a=1)
            nn.init.zeros_(convolution.bias)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Backbone features, finest first -> P2, P3, P4, P5, P6, each (B, channels, H / stride, W / stride)."""
        merged = self.lateral[3](features[self.used[3]])
        pyramid = [self.output[3](merged)]
        for level in (2, 1, 0):
            lateral = self.lateral[level](features[self.used[level]])
            merged = lateral + F.interpolate(merged, size=lateral.shape[-2:], mode="nearest")
            pyramid.insert(0, self.output[level](merged))
        return [*pyramid, pyramid[3][:, :, ::2, ::2]]
