"""MaskRefineNet: a U-Net that repairs a rough mask around a point (`method.md`, MaskRefineNet).

B crops, C classes, S side of the crop in px (a multiple of 32).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wssis.config.network import RefineNetSettings
from wssis.errors import InputError
from wssis.models.backbone_weights import InitialWeights
from wssis.models.backbones import Backbone, build_backbone
from wssis.models.refinenet.blocks import ASPP, DecoderStage, upsample
from wssis.models.refinenet.inputs import input_channels, point_channels, refiner_input

DEEPEST = 32
SKIPS = (16, 8, 4, 2)
HEAD_STD = 0.001
EXTRA_STD = 0.02


class MaskRefineNet(nn.Module):
    """Backbone, ASPP, decoder over the skips at strides 16, 8, 4, 2, and a head with two logits per pixel.

    `initial` holds weights of the backbone; without, they are random.

    Raises:
        InputError: the backbone has no features at stride 32.
    """

    def __init__(self, settings: RefineNetSettings, num_classes: int, initial: InitialWeights | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.num_classes = num_classes
        self.backbone = build_backbone(settings.backbone, initial)
        widen_stem(self.backbone, input_channels(num_classes, settings), keep=settings.stem == "extend")
        channels = dict(zip(self.backbone.strides, self.backbone.channels, strict=True))
        if DEEPEST not in channels:
            raise InputError(f"refiner.network.backbone: {settings.backbone.name} has no features at stride {DEEPEST}")
        self.aspp = ASPP(channels[DEEPEST], settings.aspp_channels, settings.norm)
        widths = (settings.aspp_channels, *settings.decoder_channels)
        hints = 2 + int(settings.neighbours) if settings.guide else 0
        self.decoder = nn.ModuleList(
            DecoderStage(inputs, channels.get(stride, 0) + hints, outputs, settings.norm)
            for stride, inputs, outputs in zip(SKIPS, widths[:-1], widths[1:], strict=True)
        )
        self.head = nn.Conv2d(widths[-1], 2, 1)
        nn.init.normal_(self.head.weight, std=HEAD_STD)
        nn.init.zeros_(self.head.bias)

    def input(
        self, images: Tensor, rough: Tensor, points: Tensor, labels: Tensor, others: Tensor, training: bool = False
    ) -> Tensor:
        """The input tensor of a batch of crops; see `refiner_input`."""
        return refiner_input(
            images, rough, points, labels, others, self.num_classes, self.settings, self.backbone.normalise, training
        )

    def forward(self, x: Tensor) -> Tensor:
        """Input (B, 3 + C + 1, S, S) -> logits (B, 2, S, S): background, object."""
        features = dict(zip(self.backbone.strides, self.backbone(x), strict=True))
        deep = self.aspp(features[DEEPEST])
        for stride, stage in zip(SKIPS, self.decoder, strict=True):
            deep = stage(deep, self._skip(features.get(stride), x, stride))
        logits = upsample(self.head(deep))
        if self.settings.rough_prior:
            logits = logits + self.settings.rough_prior * _prior(x[:, -1])
        return logits

    def _skip(self, feature: Tensor | None, x: Tensor, stride: int) -> Tensor | None:
        """What a decoder stage gets beside the features from below, or None if there is nothing."""
        parts = [] if feature is None else [feature]
        if self.settings.guide:
            maps = point_channels(self.num_classes, self.settings)
            hints = torch.cat([x[:, 3 : 3 + maps].sum(dim=1, keepdim=True), x[:, 3 + maps :]], dim=1)
            parts.append(F.avg_pool2d(hints, stride))
        return torch.cat(parts, dim=1) if parts else None


def _prior(rough: Tensor) -> Tensor:
    """Logits (B, 2, S, S) that say the rough mask: +-1/2 each, so that their difference is +-1."""
    sign = rough - 0.5
    return torch.stack([-sign, sign], dim=1)


@torch.no_grad()
def widen_stem(backbone: Backbone, channels: int, keep: bool) -> None:
    """Give the backbone's first convolution `channels` inputs, in place; it is trained even in a frozen stage.

    keep: the colour filters stay and the further channels begin small; otherwise all filters are new, as published.
    """
    conv = next(module for module in backbone.body.modules() if isinstance(module, nn.Conv2d))
    outputs, _, height, width = conv.weight.shape
    weight = conv.weight.new_empty(outputs, channels, height, width)
    if keep:
        nn.init.normal_(weight, std=EXTRA_STD)
        weight[:, :3] = conv.weight
    else:
        nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")
    conv.weight = nn.Parameter(weight)
    conv.in_channels = channels
