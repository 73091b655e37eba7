"""Suppression of duplicates (`method.md`, SOLOv2, Test). N candidates, best first."""

import torch
import torch.nn.functional as F
from torch import Tensor


def point_nms(scores: Tensor) -> Tensor:
    """Category scores (B, C, S, S): 0 where a neighbour in the 2 x 2 window up and left of the cell scores higher."""
    highest = F.max_pool2d(scores, 2, stride=1, padding=1)[:, :, :-1, :-1]
    return scores * (highest == scores)


def pairwise_iou(masks: Tensor) -> Tensor:
    """bool (N, h, w) -> float32 (N, N); 0 between two empty masks."""
    flat = masks.flatten(1).float()
    overlap = flat @ flat.T
    area = flat.sum(1)
    return overlap / (area[:, None] + area - overlap).clamp(min=1)


def matrix_nms(iou: Tensor, labels: Tensor, scores: Tensor, kernel: str = "gaussian", sigma: float = 2.0) -> Tensor:
    """Decayed scores, float32 (N,), of candidates sorted by falling score; only the same label decays.

    iou: (N, N); labels: int64 (N,); scores: float32 (N,); kernel: gaussian or linear.
    """
    if not len(scores):
        return scores
    decay = (iou * (labels[:, None] == labels)).triu(diagonal=1)
    compensate = decay.max(0).values[:, None]
    if kernel == "linear":
        factor = (1 - decay) / (1 - compensate)
    else:
        factor = torch.exp(-sigma * decay.square()) / torch.exp(-sigma * compensate.square())
    return scores * factor.min(0).values


def mask_nms(iou: Tensor, labels: Tensor, threshold: float) -> Tensor:
    """Greedy: bool (N,), False for candidates that a kept, better one of the same label overlaps by more than that."""
    rivals = ((iou > threshold) & (labels[:, None] == labels)).cpu()
    keep = torch.ones(len(labels), dtype=torch.bool)
    for i in range(len(labels)):
        if keep[i]:
            keep[i + 1 :] &= ~rivals[i, i + 1 :]
    return keep.to(labels.device)
