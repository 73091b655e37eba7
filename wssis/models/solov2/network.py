"""SOLOv2: backbone, feature pyramid, instance branch and mask branch (`method.md`, SOLOv2)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wssis.config.network import SOLOv2Settings
from wssis.models.backbone_weights import InitialWeights
from wssis.models.backbones import build_backbone
from wssis.models.fpn import FPN
from wssis.models.solov2.heads import InstanceHead, MaskHead

DIVISIBILITY = 32
INSTANCE_STRIDES = (8, 8, 16, 32, 32)
MASK_STRIDE = 4


@dataclass(frozen=True)
class DenseOutputs:
    """Raw outputs (logits) for a batch of B images padded to H x W.

    category: per level (B, C, S, S); kernel: per level (B, K, S, S); mask_features: (B, K, H / 4, W / 4).
    """

    category: list[Tensor]
    kernel: list[Tensor]
    mask_features: Tensor

    def image(self, index: int) -> "DenseOutputs":
        """The outputs of one image, as a batch of one."""
        one = slice(index, index + 1)
        return DenseOutputs([c[one] for c in self.category], [k[one] for k in self.kernel], self.mask_features[one])

    @property
    def grids(self) -> list[int]:
        """Cells per side, level by level."""
        return [category.shape[-1] for category in self.category]

    @property
    def padded_size(self) -> tuple[int, int]:
        """Height and width of the padded network input, px."""
        height, width = self.mask_features.shape[-2:]
        return height * MASK_STRIDE, width * MASK_STRIDE

    def float(self) -> "DenseOutputs":
        """The same in float32 (after autocast)."""
        category, kernel = ([tensor.float() for tensor in tensors] for tensors in (self.category, self.kernel))
        return DenseOutputs(category, kernel, self.mask_features.float())


class SOLOv2(nn.Module):
    """The segmentor. `initial`: weights of the backbone; random ones without."""

    def __init__(self, settings: SOLOv2Settings, num_classes: int, initial: InitialWeights | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.num_classes = num_classes
        self.backbone = build_backbone(settings.backbone, initial)
        self.fpn = FPN(self.backbone.channels, self.backbone.strides, settings.fpn_channels)
        self.instance_head = InstanceHead(
            settings.fpn_channels,
            settings.instance_channels,
            settings.instance_convs,
            settings.kernel_channels,
            num_classes,
            settings.grids,
        )
        self.mask_head = MaskHead(settings.fpn_channels, settings.mask_channels, settings.kernel_channels)

    def forward(self, images: Tensor) -> DenseOutputs:
        """Normalised, padded images, float (B, 3, H, W), H and W multiples of 32 -> dense outputs (logits)."""
        pyramid = self.fpn(self.backbone(images))
        category, kernel = self.instance_head(pyramid)
        return DenseOutputs(category, kernel, self.mask_head(pyramid))

    def batch(self, images: list[Tensor]) -> Tensor:
        """RGB images uint8 (3, h, w) -> float32 (B, 3, H, W): normalised, then zero-padded to a multiple of 32."""
        if len({tuple(image.shape) for image in images}) == 1:
            stacked = self.backbone.normalise(torch.stack(images))
            height, width = padded_size([tuple(images[0].shape[-2:])])
            return F.pad(stacked, (0, width - stacked.shape[-1], 0, height - stacked.shape[-2]))
        height, width = padded_size([tuple(image.shape[-2:]) for image in images])
        batch = torch.zeros(len(images), 3, height, width, device=images[0].device)
        for target, image in zip(batch, images, strict=True):
            target[:, : image.shape[-2], : image.shape[-1]] = self.backbone.normalise(image)
        return batch


def padded_size(sizes: list[tuple[int, int]]) -> tuple[int, int]:
    """Smallest multiples of 32 that hold every (height, width)."""
    height, width = (max(size[axis] for size in sizes) for axis in (0, 1))
    return -(-height // DIVISIBILITY) * DIVISIBILITY, -(-width // DIVISIBILITY) * DIVISIBILITY
