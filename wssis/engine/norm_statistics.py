"""Batch-norm statistics of the weights that are kept, and whether they serve.

A running mean and variance lag behind weights that still move, and belong to the raw weights rather than to their
moving average. Where activations hardly vary within a batch, the smallest lag is divided by nearly nothing: a network
that fits its training batches can be useless in evaluation mode. So the statistics are measured once more, with the
final weights (Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3), and then tried.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from wssis.errors import InputError

BATCHES = 64
"""Passes that the statistics are taken from, at most; never more than the training had steps."""
TRIED = 16
"""Passes that they are tried on."""
FACTOR, MARGIN = 2.0, 0.1
"""The loss in evaluation mode may be this much above that in training mode; their noise is far below it."""

Losses = Callable[[Any], dict[str, Tensor]]


class NormStatisticsError(InputError):
    """The network that fits its training batches fails on the same batches in evaluation mode."""


def trained_norms(model: nn.Module) -> list[nn.Module]:
    """Batch norms whose statistics are those of the training data; frozen ones are in evaluation mode for good."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm)
    return [module for module in model.modules() if isinstance(module, kinds) and module.training]


@torch.no_grad()
def measure(model: nn.Module, losses: Losses, batches: Iterable[Any]) -> float:
    """Replace the statistics of `trained_norms` by plain means over the batches; returns the mean loss of the passes.

    Args:
        model: in training mode, with its final weights; nothing but the statistics is changed.
        losses: runs `model` on a batch.
        batches: of training samples, as the training saw them.
    """
    norms = trained_norms(model)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # PyTorch's word for the plain mean over all batches
    loss = _mean_loss(losses, batches)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return loss


@torch.no_grad()
def check(model: nn.Module, losses: Losses, batches: Iterable[Any], trained: float) -> float:
    """Mean loss of the passes in evaluation mode; the model is in training mode before and after.

    Args:
        trained: the mean loss in training mode.

    Raises:
        NormStatisticsError: it is far above `trained`.
    """
    model.eval()
    found = _mean_loss(losses, batches)
    model.train()
    if not found <= FACTOR * trained + MARGIN:
        raise NormStatisticsError(
            f"the loss on training samples is {trained:.3f} with the statistics of each batch, but {found:.3f} with "
            "the stored ones that evaluation uses: the trained batch norms do not generalise; lower optimizer.lr or "
            "optimizer.backbone_lr_factor, or take a norm without statistics (refiner.network.norm: group)"
        )
    return found


def _mean_loss(losses: Losses, batches: Iterable[Any]) -> float:
    totals = [sum(losses(batch).values()) for batch in batches]
    return float(torch.stack(totals).float().mean())
