"""Implicit PointRend's mask branch (Cheng et al., 2022, section 4): each object's mask is a function of the place.

Legend: N boxes of all images, K points in each, C classes, T parameters of a point head.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import TwoMLPHead

from wssis.config.maskrcnn import BoxSupervision, MaskRCNNSettings
from wssis.models.maskrcnn.boxes import Matched
from wssis.models.maskrcnn.point_head import (
    ENCODINGS,
    PointHeadShape,
    common_parameters,
    point_head,
    split_parameters,
)
from wssis.models.maskrcnn.points import points_of_places
from wssis.models.maskrcnn.pooling import features_at, grid_places, pool
from wssis.models.maskrcnn.supervised import drawn_points, mean_of_supervised, place_losses
from wssis.models.maskrcnn.targets import BoxTargets

STRIDE = 4
COARSE, STEPS = 28, 3
"""The mask is predicted on a grid of 28 x 28 places, which is then refined three times by 2, to 224 x 224."""
REFINED = COARSE**2
"""Places predicted anew in each step: those nearest to a probability of one half."""
BOX_SIDE, GRID_SIDE = 7, 14
INITIAL = 0.001
"""Standard deviation of the last layer's first weights, as published."""


class BoxParameters(nn.Module):
    """The small parameter head: built as the box branch, on each box's own level."""

    def __init__(self, settings: MaskRCNNSettings) -> None:
        super().__init__()
        self.layers = TwoMLPHead(settings.fpn_channels * BOX_SIDE**2, settings.parameter_channels)

    def forward(self, pyramid: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """Boxes per image -> (N, parameter channels)."""
        return self.layers(pool(pyramid, boxes, BOX_SIDE))


class CoarseMaskParameters(nn.Module):
    """The published parameter head, PointRend's coarse mask head: on a 14 x 14 grid of P2."""

    def __init__(self, settings: MaskRCNNSettings) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(settings.fpn_channels, settings.fpn_channels, 2, stride=2)
        self.layers = TwoMLPHead(settings.fpn_channels * (GRID_SIDE // 2) ** 2, settings.parameter_channels)
        nn.init.kaiming_normal_(self.reduce.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.reduce.bias)

    def forward(self, pyramid: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """Boxes per image -> (N, parameter channels)."""
        merged = torch.cat(list(boxes))
        places = grid_places(GRID_SIDE, merged.device).expand(len(merged), -1, -1)
        counts = [len(own) for own in boxes]
        grid = features_at(pyramid[0], STRIDE, points_of_places(merged, places), counts)
        return self.layers(F.relu(self.reduce(grid.reshape(len(merged), -1, GRID_SIDE, GRID_SIDE))))


class ImplicitMasks(nn.Module):
    """Parameters for every box's point head, and the point head.

    As published, all generated parameters begin next to 0 and features come in whatever size the pyramid gives them.
    Many layers that begin next to 0 hardly pass a gradient on, and what does arrive is scaled by features far above 1:
    within some hundred steps every unit of a hidden layer is off for all places, for good, and each mask is a constant.
    `normalised` therefore normalises the features and lets all point heads begin as one common, ordinary network.
    """

    def __init__(self, settings: MaskRCNNSettings, num_classes: int) -> None:
        super().__init__()
        heads = {"box": BoxParameters, "coarse-mask": CoarseMaskParameters}
        self.head = heads[settings.parameter_head](settings)
        encoding, features = ENCODINGS[settings.point_encoding], settings.fpn_channels if settings.point_features else 0
        self.shape = PointHeadShape(features, settings.point_channels, num_classes, encoding.channels)
        self.predictor = nn.Linear(settings.parameter_channels, self.shape.parameters)
        self.encoding = encoding()
        self.decay = settings.parameter_decay
        nn.init.normal_(self.predictor.weight, std=INITIAL)
        nn.init.zeros_(self.predictor.bias)
        self.norm = None
        if settings.point_head == "normalised":
            self.norm = nn.LayerNorm(features) if features else None
            with torch.no_grad():
                self.predictor.bias.copy_(common_parameters(self.shape))

    def forward(self, pyramid: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """Parameters (N, T) of the point heads of boxes per image."""
        own = F.linear(self.head(pyramid, boxes), self.predictor.weight).float()
        return own + self.predictor.bias  # In bfloat16 the small own part would be lost beside the common one.

    def features(self, finest: Tensor) -> Tensor | None:
        """What the point heads see of P2 (B, channels, h, w): normalised at every place, or as it is; None: nothing."""
        if not self.shape.features:
            return None
        return finest if self.norm is None else self.norm(finest.movedim(1, -1)).movedim(-1, 1)

    def losses(
        self, pyramid: Sequence[Tensor], matched: Matched, targets: BoxTargets, supervision: BoxSupervision
    ) -> dict[str, Tensor]:
        """Losses `masks`, as Mask R-CNN's at points, and `parameters`, which keeps the parameters bounded."""
        parameters = self(pyramid, matched.boxes)
        masks = _Masks(self, pyramid[0], matched.boxes, matched.classes, parameters)
        each = place_losses(masks.at, matched, targets)
        each = each + drawn_points(masks.at, matched, targets, supervision.uniform_points)
        decay = self.decay * parameters.square().sum() / max(1, parameters.numel())
        return {"masks": mean_of_supervised(each, parameters, matched, targets), "parameters": decay}

    def probabilities(self, pyramid: Sequence[Tensor], boxes: Sequence[Tensor], classes: Tensor) -> Tensor:
        """Probabilities (N, 224, 224) of the masks of boxes of given classes (N,), by adaptive subdivision."""
        masks = _Masks(self, pyramid[0], boxes, classes, self(pyramid, boxes))
        return masks.rendered().sigmoid()


class _Masks:
    """The masks of N boxes as functions: boxes per image, their classes (N,), point heads' parameters (N, T)."""

    def __init__(
        self, branch: ImplicitMasks, features: Tensor, boxes: Sequence[Tensor], classes: Tensor, parameters: Tensor
    ) -> None:
        self._features, self._encoding = branch.features(features), branch.encoding
        self._boxes, self._counts = torch.cat(list(boxes)), [len(own) for own in boxes]
        weights, biases = split_parameters(parameters, branch.shape)
        rows = torch.arange(len(classes), device=classes.device)
        # Of the last layer only the object's class is wanted.
        self._weights = [*weights[:-1], weights[-1][rows, classes][:, None]]
        self._biases = [*biases[:-1], biases[-1][rows, classes][:, None]]

    def at(self, places: Tensor) -> Tensor:
        """Logits (N, K) at places (N, K, 2)."""
        if not places.numel():
            nothing = places.new_zeros(places.shape[:2])
            # The norm's weights take part also where there is nothing, as several processes need it.
            return nothing if self._features is None else nothing + self._features[..., :0].sum()
        inputs = self._encoding(places)
        if self._features is not None:
            points = points_of_places(self._boxes, places)
            inputs = torch.cat([inputs, features_at(self._features, STRIDE, points, self._counts)], 1)
        return point_head(inputs, self._weights, self._biases)[:, 0].float()

    def rendered(self) -> Tensor:
        """Logits (N, 224, 224)."""
        number, device = len(self._boxes), self._boxes.device
        logits = self.at(grid_places(COARSE, device).expand(number, -1, -1)).view(number, COARSE, COARSE)
        for step in range(1, STEPS + 1):
            logits = F.interpolate(logits[:, None], scale_factor=2, mode="bilinear", align_corners=False)[:, 0]
            flat = logits.flatten(1)
            unsure = flat.abs().topk(REFINED, largest=False).indices
            places = grid_places(COARSE * 2**step, device)[unsure]
            logits = flat.scatter(1, unsure, self.at(places)).view_as(logits)
        return logits
