"""The proposal network: torchvision's, with the pyramid's true strides, crowd regions, and losses in either mode."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead, concat_box_prediction_layers

from wssis.config.maskrcnn import MaskRCNNSettings
from wssis.models.fpn import PYRAMID_STRIDES
from wssis.models.maskrcnn.targets import BoxTargets, covered

STRIDES = (*PYRAMID_STRIDES, 64)
CROWD_SHARE = 0.5
"""A box that a crowd region covers this far is no sure background."""


class PyramidAnchors(AnchorGenerator):
    """Anchors at multiples of the pyramid's strides; torchvision guesses the strides from sizes that are rounded."""

    def forward(self, image_list: ImageList | None, feature_maps: list[Tensor]) -> list[Tensor]:
        """Pyramid (B, channels, h, w) per level -> anchors of each image, xyxy in px."""
        first = feature_maps[0]
        strides = [[torch.tensor(stride, device=first.device)] * 2 for stride in STRIDES]
        self.set_cell_anchors(torch.float32, first.device)
        anchors = torch.cat(self.grid_anchors([list(one.shape[-2:]) for one in feature_maps], strides))
        return [anchors] * len(first)


class ProposalNetwork(RegionProposalNetwork):
    """Region proposals of a batch, and the losses wherever there are targets."""

    def __init__(self, settings: MaskRCNNSettings) -> None:
        anchors = PyramidAnchors(
            tuple((size,) for size in settings.anchor_sizes),
            (tuple(settings.aspect_ratios),) * len(settings.anchor_sizes),
        )
        kept = settings.proposals_kept
        super().__init__(
            anchors, RPNHead(settings.fpn_channels, len(settings.aspect_ratios)), 0.7, 0.3, settings.anchors, 0.5,
            {"training": 2 * kept, "testing": kept}, {"training": kept, "testing": kept}, 0.7,
        )  # fmt: skip

    def propose(
        self, pyramid: Sequence[Tensor], sizes: list[tuple[int, int]], targets: BoxTargets | None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Boxes of each image (N_b, 4), xyxy in px, without gradient; and losses `objectness`, `anchor_boxes`.

        sizes: (height, width) of the images before padding.
        """
        levels = list(pyramid)
        objectness, deltas = self.head(levels)
        anchors = self.anchor_generator(None, levels)
        per_level = [scores[0].numel() for scores in objectness]
        objectness, deltas = (each.float() for each in concat_box_prediction_layers(objectness, deltas))
        decoded = self.box_coder.decode(deltas.detach(), anchors).view(len(anchors), -1, 4)
        boxes, _ = self.filter_proposals(decoded, objectness, sizes, per_level)
        if targets is None:
            return boxes, {}
        labels, matched = self.assign_targets_to_anchors(anchors, [{"boxes": own} for own in targets.boxes])
        for own, crowd in zip(labels, targets.crowd, strict=True):
            if crowd is not None:
                own[(own == 0) & (covered(anchors[0], crowd) >= CROWD_SHARE)] = -1
        loss, box_loss = self.compute_loss(objectness, deltas, labels, self.box_coder.encode(matched, anchors))
        return boxes, {"objectness": loss, "anchor_boxes": box_loss}
