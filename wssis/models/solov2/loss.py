"""Loss of SOLOv2: 3 Dice + focal (`method.md`, SOLOv2)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from wssis.config.network import SOLOv2Settings
from wssis.models.solov2.cells import Cells
from wssis.models.solov2.instances import Instances
from wssis.models.solov2.network import DenseOutputs
from wssis.models.solov2.targets import Targets, build_targets

DICE_WEIGHT = 3.0
"""Published; the settings have the same default."""
DICE_EPSILON = 0.001
FOCAL_ALPHA = 0.25
FOCAL_GAMMA = 2.0


def solov2_loss(
    outputs: DenseOutputs, instances: list[Instances], settings: SOLOv2Settings, padded: tuple[int, int]
) -> dict[str, Tensor]:
    """`target_loss` of the objects themselves, as published; `padded` is the (height, width) of the network's input."""
    targets = build_targets(instances, settings, outputs.category[0].shape[1], padded)
    return target_loss(outputs, targets, DICE_WEIGHT)


def target_loss(outputs: DenseOutputs, targets: Targets, dice_weight: float) -> dict[str, Tensor]:
    """Losses of a batch: {"dice": dice_weight x mean Dice loss over pairs, "focal": focal loss / (positive cells + 1)}.

    Finite, with gradients, also where there is no object.
    """
    outputs = outputs.float()
    # Under autocast the product of kernels and mask features would fall back to bfloat16.
    with torch.autocast(outputs.mask_features.device.type, enabled=False):
        return {"dice": dice_weight * mask_loss(outputs, targets), "focal": category_loss(outputs, targets)}


def loss_counts(targets: Cells) -> Tensor:
    """What the two losses are means over: positive pairs and positive cells, float64 (2,), on the CPU.

    Counts of several batches add up to those of one large batch.
    """
    return torch.tensor([sum(targets.pairs), targets.positives], dtype=torch.float64)


def loss_divisors(counts: Tensor) -> Tensor:
    """What the two losses are divided by in a batch with these `loss_counts`, float64 (2,)."""
    return torch.stack([counts[0].clamp(min=1), counts[1] + 1])


def mask_loss(outputs: DenseOutputs, targets: Targets) -> Tensor:
    """Mean of `dice_losses`; 0 without any."""
    losses = dice_losses(outputs, targets)
    return losses.sum() / max(1, len(losses))


def dice_losses(outputs: DenseOutputs, targets: Targets) -> Tensor:
    """Weight x (1 - Dice) of each positive (cell, object) pair, float (P,).

    The sum is over all pixels but those of crowd regions and those of which the object's mask is not sure.
    """
    kernels = torch.cat([kernel.flatten(2) for kernel in outputs.kernel], 2).transpose(1, 2)
    chosen = kernels[targets.image, targets.cell]
    features = outputs.mask_features.flatten(2)
    logits = [kernel @ feature for kernel, feature in zip(chosen.split(targets.pairs), features, strict=True)]
    predicted = torch.cat(logits).sigmoid()
    truth = targets.masks.flatten(1)[targets.instance].to(predicted.dtype)
    if targets.valid is not None:
        valid = targets.valid.flatten(1)[targets.image]
        predicted, truth = predicted * valid, truth * valid
    if targets.uncertain is not None:
        sure = 1 - targets.uncertain.flatten(1)[targets.instance].to(predicted.dtype)
        predicted, truth = predicted * sure, truth * sure
    return targets.weights[targets.instance] * (1 - dice_coefficient(predicted, truth))


def dice_coefficient(predicted: Tensor, truth: Tensor) -> Tensor:
    """Probabilities and targets, float (P, pixels) -> 2 sum pq / (sum p^2 + .001 + sum q^2 + .001), float (P,)."""
    size = predicted.square().sum(1) + DICE_EPSILON + truth.square().sum(1) + DICE_EPSILON
    return 2 * (predicted * truth).sum(1) / size


def category_loss(outputs: DenseOutputs, targets: Cells) -> Tensor:
    """`category_sum` / (positive cells + 1)."""
    return category_sum(outputs, targets) / (targets.positives + 1)


def category_sum(outputs: DenseOutputs, targets: Cells) -> Tensor:
    """Sum of the sigmoid focal loss over the cells that are not ignored and all classes."""
    logits = torch.cat([category.flatten(2) for category in outputs.category], 2)
    classes = logits.shape[1]
    truth = F.one_hot(targets.category, classes + 1)[..., :classes].transpose(1, 2).to(logits.dtype)
    return (focal_loss(logits, truth) * ~targets.ignored[:, None]).sum()


def focal_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Sigmoid focal loss, element by element (alpha .25, gamma 2)."""
    probability = logits.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    missed = probability + truth - 2 * probability * truth
    alpha = FOCAL_ALPHA * truth + (1 - FOCAL_ALPHA) * (1 - truth)
    return alpha * missed.pow(FOCAL_GAMMA) * entropy
