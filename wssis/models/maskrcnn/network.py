"""Mask R-CNN and Implicit PointRend: backbone, feature pyramid, proposals, box branch and mask branch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wssis.config.maskrcnn import BoxSupervision, MaskRCNNSettings
from wssis.models.backbone_weights import InitialWeights
from wssis.models.backbones import build_backbone
from wssis.models.fpn import FPN, PYRAMID_STRIDES
from wssis.models.maskrcnn.boxes import BoxBranch, FoundBoxes
from wssis.models.maskrcnn.grid_masks import GridMasks
from wssis.models.maskrcnn.implicit_masks import ImplicitMasks
from wssis.models.maskrcnn.proposals import ProposalNetwork
from wssis.models.maskrcnn.targets import BoxTargets
from wssis.models.solov2.network import padded_size

Sizes = list[tuple[int, int]]


class MaskRCNN(nn.Module):
    """A box network. `initial`: weights of the backbone; random ones without."""

    def __init__(self, settings: MaskRCNNSettings, num_classes: int, initial: InitialWeights | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.num_classes = num_classes
        self.backbone = build_backbone(settings.backbone, initial)
        self.fpn = FPN(self.backbone.channels, self.backbone.strides, settings.fpn_channels)
        self.proposals = ProposalNetwork(settings)
        self.boxes = BoxBranch(settings, num_classes)
        branches = {"mask-rcnn": GridMasks, "implicit-pointrend": ImplicitMasks}
        self.masks = branches[settings.kind](settings, num_classes)

    def batch(self, images: list[Tensor]) -> Tensor:
        """RGB images uint8 (3, h, w) -> float32 (B, 3, H, W): normalised, then zero-padded to a multiple of 32."""
        height, width = padded_size([tuple(image.shape[-2:]) for image in images])
        batch = torch.zeros(len(images), 3, height, width, device=images[0].device)
        for target, image in zip(batch, images, strict=True):
            target[:, : image.shape[-2], : image.shape[-1]] = self.backbone.normalise(image)
        return batch

    def forward(
        self, images: Tensor, sizes: Sizes, targets: BoxTargets, supervision: BoxSupervision
    ) -> dict[str, Tensor]:
        """Losses of a batch: `objectness`, `anchor_boxes`, `classes`, `boxes`, `masks` (and `parameters`).

        Args:
            images: normalised, padded, float (B, 3, H, W).
            sizes: (height, width) of the images before padding.
        """
        pyramid = self.pyramid(images)
        proposals, losses = self.proposals.propose(pyramid, sizes, targets)
        matched, of_boxes = self.boxes.losses(self._pooled(pyramid), proposals, targets)
        return losses | of_boxes | self.masks.losses(self._pooled(pyramid), matched, targets, supervision)

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """Normalised, padded images (B, 3, H, W) -> P2 ... P6."""
        return self.fpn(self.backbone(images))

    def detect(
        self, images: Tensor, sizes: Sizes, score_threshold: float, nms_iou: float, most: int
    ) -> tuple[list[FoundBoxes], Tensor]:
        """Boxes found in each image, and the probabilities (N, M, M) of their masks, image by image."""
        pyramid = self.pyramid(images)
        proposals, _ = self.proposals.propose(pyramid, sizes, None)
        found = self.boxes.detect(self._pooled(pyramid), proposals, sizes, score_threshold, nms_iou, most)
        return found, self._masks(pyramid, [one.boxes for one in found], [one.labels for one in found])

    def masks_of(self, images: Tensor, boxes: Sequence[Tensor], classes: Sequence[Tensor]) -> Tensor:
        """Probabilities (N, M, M) of the masks in given boxes (N_b, 4), px of the input, of given classes (N_b,)."""
        return self._masks(self.pyramid(images), boxes, classes)

    def _masks(self, pyramid: list[Tensor], boxes: Sequence[Tensor], classes: Sequence[Tensor]) -> Tensor:
        return self.masks.probabilities(self._pooled(pyramid), boxes, torch.cat(list(classes)))

    def _pooled(self, pyramid: list[Tensor]) -> list[Tensor]:
        """The levels that regions are looked at on: all but P6."""
        return pyramid[: len(PYRAMID_STRIDES)]
