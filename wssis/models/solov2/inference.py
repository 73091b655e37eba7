"""From dense outputs to detections, prompt-free (`method.md`, SOLOv2, Test).

N detections or candidates, C classes, K kernel channels, T cells of all levels, h x w the mask features' size.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from wssis.config.training import InferenceSettings
from wssis.models.solov2.network import INSTANCE_STRIDES, MASK_STRIDE, DenseOutputs
from wssis.models.solov2.nms import mask_nms, matrix_nms, pairwise_iou, point_nms

# Masks that are computed or enlarged at a time are limited to this many values.
CHUNK_VALUES = 1 << 26


@dataclass(frozen=True)
class Detections:
    """Objects found in one image, best first: scores float32 (N,), labels int64 (N,), masks bool (N, H0, W0)."""

    scores: Tensor
    labels: Tensor
    masks: Tensor


@dataclass(frozen=True)
class CellMasks:
    """Masks of N kernels at stride 4: masks bool (N, h, w), area float32 (N,), maskness float32 (N,), 0 where empty."""

    masks: Tensor
    area: Tensor
    maskness: Tensor


def detect(
    outputs: DenseOutputs,
    image_sizes: list[tuple[int, int]],
    original_sizes: list[tuple[int, int]],
    settings: InferenceSettings,
    max_detections: int,
) -> list[Detections]:
    """Detections of every image of the batch.

    image_sizes: (height, width) of each network input before padding; original_sizes: those that masks are given at.
    """
    outputs = outputs.float()
    scores = [point_nms(category.sigmoid()) for category in outputs.category]
    flat = torch.cat([score.flatten(2) for score in scores], 2).transpose(1, 2)
    kernels = flat_kernels(outputs)
    strides = cell_strides(outputs)
    return [
        _detect_one(flat[i], kernels[i], outputs.mask_features[i], strides, sizes, settings, max_detections)
        for i, sizes in enumerate(zip(image_sizes, original_sizes, strict=True))
    ]


def flat_kernels(outputs: DenseOutputs) -> Tensor:
    """Kernels of all levels: (B, T, K)."""
    return torch.cat([kernel.flatten(2) for kernel in outputs.kernel], 2).transpose(1, 2)


def cell_strides(outputs: DenseOutputs) -> Tensor:
    """Stride of each cell's level: float32 (T,)."""
    counts = torch.tensor([grid * grid for grid in outputs.grids])
    return torch.tensor(INSTANCE_STRIDES).float().repeat_interleave(counts).to(outputs.mask_features.device)


def probabilities(kernels: Tensor, features: Tensor) -> Tensor:
    """Kernels (N, K) and mask features (K, h, w) -> probabilities (N, h, w)."""
    return (kernels @ features.flatten(1)).sigmoid().view(-1, *features.shape[-2:])


def cell_masks(kernels: Tensor, features: Tensor, threshold: float) -> CellMasks:
    """Masks, areas and maskness of N kernels (N, K), in as many steps as memory asks for."""
    step = max(1, CHUNK_VALUES // features[0].numel())
    parts = [_cell_masks(part, features, threshold) for part in kernels.split(step)]
    return CellMasks(*(torch.cat([getattr(p, name) for p in parts]) for name in ("masks", "area", "maskness")))


def _cell_masks(kernels: Tensor, features: Tensor, threshold: float) -> CellMasks:
    probability = probabilities(kernels, features)
    masks = probability > threshold
    area = masks.sum((1, 2)).float()
    return CellMasks(masks, area, (probability * masks).sum((1, 2)) / area.clamp(min=1))


def full_size_masks(
    kernels: Tensor, features: Tensor, image_size: tuple[int, int], original_size: tuple[int, int], threshold: float
) -> Tensor:
    """Masks of N kernels at the original size, bool (N, H0, W0): probabilities enlarged, then `threshold`."""
    if not len(kernels):
        return torch.zeros((0, *original_size), dtype=torch.bool, device=features.device)
    step = masks_at_once(features, original_size)
    parts = [enlarge(probabilities(p, features), image_size, original_size) > threshold for p in kernels.split(step)]
    return torch.cat(parts)


def masks_at_once(features: Tensor, original_size: tuple[int, int]) -> int:
    """How many masks are enlarged in one step, by the larger of the network's padded input and the file's own size."""
    return max(1, CHUNK_VALUES // max(MASK_STRIDE**2 * features[0].numel(), original_size[0] * original_size[1]))


def enlarge(probability: Tensor, image_size: tuple[int, int], original_size: tuple[int, int]) -> Tensor:
    """Probabilities at stride 4 (N, h, w) -> (N, H0, W0): bilinear x 4, padding cut off, bilinear to that size."""
    large = F.interpolate(probability[None], scale_factor=MASK_STRIDE, mode="bilinear", align_corners=False)
    large = large[:, :, : image_size[0], : image_size[1]]
    if image_size != original_size:
        large = F.interpolate(large, size=original_size, mode="bilinear", align_corners=False)
    return large[0]


def _detect_one(
    scores: Tensor,
    kernels: Tensor,
    features: Tensor,
    strides: Tensor,
    sizes: tuple[tuple[int, int], tuple[int, int]],
    settings: InferenceSettings,
    max_detections: int,
) -> Detections:
    """One image: scores (T, C) after point NMS, kernels (T, K), features (K, h, w), strides (T,)."""
    cell, label = (scores > settings.score_threshold).nonzero(as_tuple=True)
    # Classes of one cell share its mask, which is computed once.
    used, mask_of = cell.unique(return_inverse=True)
    found = cell_masks(kernels[used], features, settings.mask_threshold) if len(used) else None
    if found is None:
        return Detections(scores.new_zeros(0), label, scores.new_zeros((0, *sizes[1]), dtype=torch.bool))
    score = scores[cell, label] * found.maskness[mask_of]
    big = (found.area > strides[used])[mask_of].nonzero()[:, 0]
    order = big[score[big].argsort(descending=True, stable=True)[: settings.candidates]]
    kept, score = _suppress(found.masks[mask_of[order]], label[order], score[order], settings)
    best = score.argsort(descending=True, stable=True)[:max_detections]
    chosen = order[kept[best]]
    masks = full_size_masks(kernels[cell[chosen]], features, *sizes, settings.mask_threshold)
    return Detections(score[best], label[chosen], masks)


def _suppress(masks: Tensor, labels: Tensor, scores: Tensor, settings: InferenceSettings) -> tuple[Tensor, Tensor]:
    """Rows that survive NMS, int64, and their scores."""
    iou = pairwise_iou(masks)
    if settings.nms == "mask":
        keep = mask_nms(iou, labels, settings.nms_iou)
    else:
        scores = matrix_nms(iou, labels, scores, sigma=settings.nms_sigma)
        keep = scores >= settings.update_threshold
    rows = keep.nonzero()[:, 0]
    return rows, scores[rows]
