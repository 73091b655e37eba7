"""The optimizer and its parameter groups."""

from collections.abc import Iterable

import torch
from torch import nn

from wssis.config.training import OptimizerSettings


def _in_backbone(name: str) -> bool:
    return "backbone" in name.split(".")


def parameter_groups(
    named_parameters: Iterable[tuple[str, nn.Parameter]], settings: OptimizerSettings
) -> list[dict[str, object]]:
    """Trainable parameters by learning rate (backbone, rest) and weight decay (none on norms and biases).

    Norms and biases are the parameters with at most one dimension. Each group has `initial_lr`, its learning rate
    after warm-up. Groups come in a fixed order; empty ones are left out.
    """
    buckets: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in named_parameters:
        if parameter.requires_grad:
            buckets.setdefault((_in_backbone(name), parameter.ndim > 1), []).append(parameter)
    groups: list[dict[str, object]] = []
    for (backbone, decayed), parameters in sorted(buckets.items(), key=lambda item: item[0]):
        lr = settings.lr * (settings.backbone_lr_factor if backbone else 1.0)
        decay = settings.weight_decay if decayed else 0.0
        groups.append({"params": parameters, "lr": lr, "initial_lr": lr, "weight_decay": decay})
    return groups


def build_optimizer(model: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """The optimizer over the trainable parameters of `model`, all of them updated by one fused kernel."""
    groups = parameter_groups(model.named_parameters(), settings)
    match settings.name:
        case "sgd":
            return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum, fused=True)
        case "adam":
            return torch.optim.Adam(groups, lr=settings.lr, fused=True)
        case "adamw":
            return torch.optim.AdamW(groups, lr=settings.lr, fused=True)


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Give every group `factor` of its learning rate after warm-up."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor
