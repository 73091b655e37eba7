"""Loss of the refiner (`method.md`, MaskRefineNet, Pairs)."""

from typing import Literal

import torch
from torch import Tensor

EPSILON = 1e-7


def refiner_loss(logits: Tensor, target: Tensor, dice: Literal["pixels", "columns"] = "pixels") -> Tensor:
    """Soft Dice over the softmax, mean of the two channels; a scalar in 0 ... 1, defined for empty targets too.

    The published code means to sum over batch and pixels, but sums over batch and rows only: it takes the Dice of
    each pixel column of the batch, and the mean over the columns. That is `columns`; `pixels` sums over both.

    Args:
        logits: (B, 2, S, S), channel 0 background, channel 1 object.
        target: (B, S, S) of 0 and 1, any dtype.
    """
    probability = logits.float().softmax(dim=1)
    inside = target.to(probability.dtype)
    wanted = torch.stack([1 - inside, inside], dim=1)
    summed = (0, 2) if dice == "columns" else (0, 2, 3)
    overlap = (probability * wanted).sum(dim=summed)
    total = (probability + wanted).sum(dim=summed)
    return 1 - (2 * overlap / (total + EPSILON)).mean()
