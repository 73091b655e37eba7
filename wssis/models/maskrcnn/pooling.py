"""Features of regions and of points, for all images of a batch at once.

Legend: B images, N regions of all images together, image by image; L levels; h x w a level's size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import roi_align

from wssis.models.fpn import PYRAMID_STRIDES
from wssis.models.maskrcnn.points import at_places

CANONICAL_SIDE, CANONICAL_LEVEL = 224, 2
"""A region of this side, px, is looked at on P4, the third level (Lin et al., "Feature Pyramid Networks", eq. 1)."""
SAMPLES = 2
"""Samples per cell and axis, as in torchvision."""


def regions(boxes: Sequence[Tensor]) -> Tensor:
    """Boxes of each image (N_b, 4) -> (N, 5): image, x1, y1, x2, y2."""
    return torch.cat([torch.cat([torch.full_like(own[:, :1], image), own], 1) for image, own in enumerate(boxes)])


def levels_of(boxes: Tensor) -> Tensor:
    """Pyramid level, 0 (P2) to 3 (P5), at which each box (N, 4) is looked at: int64 (N,)."""
    side = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).clamp(min=0).sqrt()
    level = torch.floor(CANONICAL_LEVEL + torch.log2(side / CANONICAL_SIDE + 1e-8))
    return level.clamp(0, len(PYRAMID_STRIDES) - 1).long()


def pool(pyramid: Sequence[Tensor], boxes: Sequence[Tensor], side: int) -> Tensor:
    """Features of every box on its level: pyramid P2 ... and boxes per image (N_b, 4) -> (N, channels, side, side).

    RoIAlign with pixel corners at integers (Detectron2's; torchvision's own pooler is half a pixel off).
    """
    rois = regions(boxes)
    level = levels_of(rois[:, 1:])
    pooled = pyramid[0].new_zeros((len(rois), pyramid[0].shape[1], side, side), dtype=torch.float32)
    for number, (features, stride) in enumerate(zip(pyramid, PYRAMID_STRIDES, strict=False)):
        own = (level == number).nonzero()[:, 0]
        found = roi_align(features.float(), rois[own], side, 1 / stride, SAMPLES, aligned=True)
        pooled = pooled.index_copy(0, own, found)
    return pooled


def features_at(features: Tensor, stride: int, points: Tensor, counts: Sequence[int]) -> Tensor:
    """Bilinear features at points: (B, channels, h, w) and (N, P, 2), px -> float32 (N, channels, P).

    counts: regions of each image; they add up to N.
    """
    size = points.new_tensor([features.shape[-1] * stride, features.shape[-2] * stride])
    found = []
    for image, own in enumerate((points / size).split(list(counts))):
        sampled = at_places(features[image : image + 1].float(), own.reshape(1, -1, 2))
        found.append(sampled.view(features.shape[1], len(own), points.shape[1]).transpose(0, 1))
    return torch.cat(found)


def grid_places(side: int, device: torch.device) -> Tensor:
    """Centres of a grid of side x side cells, row by row, as places in 0 ... 1: (side * side, 2), x, y."""
    middle = (torch.arange(side, device=device) + 0.5) / side
    down, across = torch.meshgrid(middle, middle, indexing="ij")
    return torch.stack([across.flatten(), down.flatten()], 1)
