"""Point guidance as it was published: a loop over points and levels (`forward`, prompt "point", of PointWSSIS).

For each point and level one kernel is convolved with the mask features; its mask, maskness and the class score are
taken; the best level is kept. The masks that are kept are then enlarged together. What the published code repeats
without need (sigmoid of all categories for each point, a wait for the device after each level) is done once.

N points, L levels, K kernel channels, h x w the mask features' size.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from wssis.models.solov2.network import INSTANCE_STRIDES, DenseOutputs
from wssis.models.solov2.nms import mask_nms, pairwise_iou

PUBLISHED_UNIT = 10_000
MASK_THRESHOLD = 0.5
NMS_IOU = 0.5


@dataclass(frozen=True)
class Guided:
    """Records of M points: index, level int64 (M,); maskness, category_score float32 (M,); masks bool (M, H0, W0)."""

    index: Tensor
    level: Tensor
    maskness: Tensor
    category_score: Tensor
    masks: Tensor


@dataclass(frozen=True)
class _Looked:
    """One point on one level: scalars on the device; kernel (K,)."""

    kernel: Tensor
    maskness: Tensor
    category: Tensor
    area: Tensor


def guided(
    outputs: DenseOutputs,
    points: Tensor,
    labels: Tensor,
    image_size: tuple[int, int],
    original_size: tuple[int, int],
    filter: str = "ours",
) -> Guided:
    """Proposals for the points of one image; arguments as in `wssis.models.point_guidance.point_guided`.

    filter "ours" keeps every point, in their order; an empty level gives way to the next. "published" drops small and
    suppressed masks and sorts by maskness; here no two points may share a cell.
    """
    looked = _look(outputs, points.tolist(), labels.tolist(), filter == "published")
    ranked = _ranked(looked)
    index = torch.arange(len(ranked), device=points.device)
    level = torch.tensor([levels[0] for levels in ranked], device=points.device, dtype=torch.int64)
    if filter == "published":
        index = _filtered(looked, ranked, labels, outputs.mask_features)
        level = level[index]
    rows = zip(index.tolist(), level.tolist(), strict=True)
    kernels = [looked[point][at].kernel for point, at in rows]
    masks = _masks(kernels, outputs.mask_features, image_size, original_size)
    if filter == "ours":
        for point in (~masks.flatten(1).any(1)).nonzero()[:, 0].tolist():
            for at in ranked[point][1:]:
                masks[point] = _masks([looked[point][at].kernel], outputs.mask_features, image_size, original_size)[0]
                level[point] = at
                if masks[point].any():
                    break
            else:
                level[point] = ranked[point][0]
    chosen = [looked[point][at] for point, at in zip(index.tolist(), level.tolist(), strict=True)]
    maskness = torch.stack([one.maskness for one in chosen])
    return Guided(index, level, maskness, torch.stack([one.category for one in chosen]), masks)


def _look(outputs: DenseOutputs, points: list[list[float]], labels: list[int], truncate: bool) -> list[list[_Looked]]:
    """Every point on every level, one after the other."""
    height, width = outputs.padded_size
    scores = [category[0].sigmoid() for category in outputs.category]
    features = outputs.mask_features
    found = []
    for (x, y), label in zip(points, labels, strict=True):
        down, across = y / height, x / width
        if truncate:
            down, across = (int(share * PUBLISHED_UNIT) / PUBLISHED_UNIT for share in (down, across))
        levels = []
        for score, kernels in zip(scores, outputs.kernel, strict=True):
            grid = score.shape[-1]
            row, column = (max(0, min(grid - 1, int(share * grid))) for share in (down, across))
            kernel = kernels[0, :, row, column]
            probability = F.conv2d(features, kernel[None, :, None, None])[0, 0].sigmoid()
            mask = probability > MASK_THRESHOLD
            area = mask.sum()
            maskness = (probability * mask).sum() / area.clamp(min=1)
            levels.append(_Looked(kernel, maskness, score[label, row, column], area))
        found.append(levels)
    return found


def _ranked(looked: list[list[_Looked]]) -> list[list[int]]:
    """Levels of each point, best first: by maskness x class score; an empty level ranks by its class score alone."""
    values = torch.stack(
        [torch.stack([torch.where(one.area == 0, one.category, one.maskness * one.category) for one in levels])
         for levels in looked]
    )  # fmt: skip
    return values.argsort(dim=1, descending=True, stable=True).tolist()


def _filtered(looked: list[list[_Looked]], ranked: list[list[int]], labels: Tensor, features: Tensor) -> Tensor:
    """Published filter of the best levels: area, then greedy mask NMS by maskness; the points kept, best first."""
    best = [looked[point][levels[0]] for point, levels in enumerate(ranked)]
    area, maskness = (torch.stack([getattr(one, name) for one in best]) for name in ("area", "maskness"))
    strides = torch.tensor([INSTANCE_STRIDES[levels[0]] for levels in ranked], device=labels.device)
    order = maskness.argsort(descending=True, stable=True)
    order = order[(area > strides)[order]]
    masks = _probabilities([best[point].kernel for point in order.tolist()], features) > MASK_THRESHOLD
    return order[mask_nms(pairwise_iou(masks), labels[order], NMS_IOU)]


def _probabilities(kernels: list[Tensor], features: Tensor) -> Tensor:
    """(N, h, w), all at once, as published."""
    return F.conv2d(features, torch.stack(kernels)[:, :, None, None])[0].sigmoid()


def _masks(kernels: list[Tensor], features: Tensor, image_size: tuple[int, int], original: tuple[int, int]) -> Tensor:
    """bool (N, H0, W0): probabilities x 4, cut to the image, brought to the original size, then one half."""
    probability = _probabilities(kernels, features)[None]
    large = F.interpolate(probability, scale_factor=4, mode="bilinear", align_corners=False)
    large = large[:, :, : image_size[0], : image_size[1]]
    if image_size != original:
        large = F.interpolate(large, size=original, mode="bilinear", align_corners=False)
    return large[0] > MASK_THRESHOLD
