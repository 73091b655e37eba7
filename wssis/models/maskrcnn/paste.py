"""Masks of boxes put in their place in the image.

Legend: N boxes, M x M mask values in each, H x W the image's size.
"""

import torch
from torch import Tensor

CHUNK_VALUES = 1 << 26
"""Mask values that are computed at a time."""


def paste(probabilities: Tensor, boxes: Tensor, size: tuple[int, int], threshold: float) -> Tensor:
    """Masks bool (N, H, W): where bilinearly interpolated probabilities (N, M, M) exceed the threshold.

    Args:
        boxes: (N, 4), xyxy in px of the image, pixel corners at integers; beyond a box the probability fades to 0
            within half a cell.
        size: H, W.
    """
    step = max(1, CHUNK_VALUES // max(1, size[0] * size[1]))
    parts = zip(probabilities.split(step), boxes.split(step), strict=True)
    pasted = [_paste(*part, size) > threshold for part in parts]
    return torch.cat(pasted) if pasted else torch.zeros((0, *size), dtype=torch.bool, device=boxes.device)


def _paste(probabilities: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear interpolation is a product along each axis, so it is two products of matrices."""
    cells = probabilities.shape[-1]
    down = _weights(boxes[:, 1], boxes[:, 3], size[0], cells)
    across = _weights(boxes[:, 0], boxes[:, 2], size[1], cells)
    return down @ probabilities @ across.transpose(1, 2)


def _weights(low: Tensor, high: Tensor, pixels: int, cells: int) -> Tensor:
    """Weights (N, pixels, cells) of mask cells in pixels along one axis, of boxes from `low` to `high` (N,)."""
    centres = torch.arange(pixels, device=low.device) + 0.5
    at = (centres - low[:, None]) / (high - low).clamp(min=1e-6)[:, None] * cells - 0.5
    return (1 - (at[..., None] - torch.arange(cells, device=low.device)).abs()).clamp(min=0)
