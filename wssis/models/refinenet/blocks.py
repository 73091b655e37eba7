"""ASPP and decoder stage of MaskRefineNet (`method.md`, MaskRefineNet). B batch, h w feature size."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GROUPS = 8


def conv_norm_relu(inputs: int, outputs: int, kernel: int, norm: str, dilation: int = 1) -> nn.Sequential:
    """Convolution that keeps the size, norm (`batch` or `group`), ReLU."""
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False)
    groups = next(g for g in range(min(GROUPS, outputs), 0, -1) if outputs % g == 0)
    layer = nn.BatchNorm2d(outputs) if norm == "batch" else nn.GroupNorm(groups, outputs)
    return nn.Sequential(conv, layer, nn.ReLU(inplace=True))


class ASPP(nn.Module):
    """Global pool, 1x1 and three dilated 3x3 convolutions side by side, then a 1x1 convolution over all of them."""

    def __init__(self, inputs: int, outputs: int, norm: str, rates: tuple[int, ...] = (3, 6, 9)) -> None:
        super().__init__()
        self.pool = conv_norm_relu(inputs, outputs, 1, norm)
        self.point = conv_norm_relu(inputs, outputs, 1, norm)
        self.dilated = nn.ModuleList(conv_norm_relu(inputs, outputs, 3, norm, rate) for rate in rates)
        self.project = conv_norm_relu((2 + len(rates)) * outputs, outputs, 1, norm)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, outputs, h, w)."""
        pooled = self.pool(x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        return self.project(torch.cat([pooled, self.point(x), *(conv(x) for conv in self.dilated)], dim=1))


class DecoderStage(nn.Module):
    """Double the size, append the skip, mix by 1x1 to as many channels as came from below, 3x3 to `outputs`."""

    def __init__(self, inputs: int, skip: int, outputs: int, norm: str) -> None:
        super().__init__()
        self.mix = conv_norm_relu(inputs + skip, inputs, 1, norm)
        self.refine = conv_norm_relu(inputs, outputs, 3, norm)

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        """(B, inputs, h, w) and (B, skip, 2h, 2w), or None -> (B, outputs, 2h, 2w)."""
        x = upsample(x)
        return self.refine(self.mix(x if skip is None else torch.cat([x, skip], dim=1)))


def upsample(x: Tensor) -> Tensor:
    """Twice the size, bilinear, align_corners False."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
