"""Loss of SOLOv2 where some images have masks and others boxes and labelled points.

B images, P positive (cell, object) pairs, F mask features; M rows of objects per image and K points each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from wssis.models.maskrcnn.points import at_places
from wssis.models.solov2.cells import Cells
from wssis.models.solov2.loss import category_sum, dice_losses
from wssis.models.solov2.network import DenseOutputs
from wssis.models.solov2.point_targets import PointTargets
from wssis.models.solov2.targets import Targets


@dataclass(frozen=True)
class MixedTargets:
    """Targets of a batch: of its first images, which have masks, and of the rest, which have points; None: no such."""

    masks: Targets | None
    points: PointTargets | None

    @property
    def parts(self) -> list[Cells]:
        """Those there are, in the order of their images."""
        return [part for part in (self.masks, self.points) if part is not None]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "MixedTargets":
        """The same targets on another device."""
        return self._each(lambda part: part.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "MixedTargets":
        """The same targets in pinned memory, from which copies do not block."""
        return self._each(lambda part: part.pin_memory())

    def _each(self, change: Callable[[Any], Any]) -> "MixedTargets":
        return MixedTargets(*(None if part is None else change(part) for part in (self.masks, self.points)))


def mixed_loss(
    outputs: DenseOutputs, targets: MixedTargets, dice_weight: float, point_weight: float
) -> dict[str, Tensor]:
    """Losses of a batch, each a sum over its divisor (`mixed_divisors`).

    {"dice": dice_weight x the Dice losses of the pairs with masks, "points": point_weight x the cross entropies of
    those with points (Cheng et al., 2022, section 3.2), "focal": focal loss}. The first two are one mean over the pairs
    of both kinds, so that a pair's weight does not depend on what else is in the batch.

    Finite, with gradients, also where there is no object or only one kind of images.
    """
    outputs = outputs.float()
    first = 0 if targets.masks is None else len(targets.masks.category)
    masked, pointed = _part(outputs, slice(0, first)), _part(outputs, slice(first, None))
    # A kind of images that is not there has a loss all the same: of none of the outputs, but a function of them.
    dice = points = focal = outputs.mask_features[:0].sum()
    # Under autocast the product of kernels and mask features would fall back to bfloat16.
    with torch.autocast(outputs.mask_features.device.type, enabled=False):
        if targets.masks is not None:
            dice = dice_losses(masked, targets.masks).sum()
            focal = focal + category_sum(masked, targets.masks)
        if targets.points is not None:
            points = point_entropies(pointed, targets.points).sum()
            focal = focal + category_sum(pointed, targets.points)
    losses = {"dice": dice_weight * dice, "points": point_weight * points, "focal": focal}
    divisors = mixed_divisors(mixed_counts(targets)).tolist()
    return {name: loss / divisor for (name, loss), divisor in zip(losses.items(), divisors, strict=True)}


def _part(outputs: DenseOutputs, images: slice) -> DenseOutputs:
    """The outputs of some images."""
    category, kernel = ([level[images] for level in levels] for levels in (outputs.category, outputs.kernel))
    return DenseOutputs(category, kernel, outputs.mask_features[images])


def mixed_counts(targets: MixedTargets) -> Tensor:
    """What the losses are means over: pairs of both kinds, twice, and positive cells, float64 (3,), on the CPU."""
    pairs = sum(sum(part.pairs) for part in targets.parts)
    return torch.tensor([pairs, pairs, sum(part.positives for part in targets.parts)], dtype=torch.float64)


def mixed_divisors(counts: Tensor) -> Tensor:
    """What the losses are divided by in a batch with these `mixed_counts`, float64 (3,)."""
    return torch.cat([counts[:2].clamp(min=1), counts[2:] + 1])


def point_entropies(outputs: DenseOutputs, targets: PointTargets) -> Tensor:
    """Binary cross entropy of each positive pair, float (P,): its object's points by their weights, 0 without any."""
    labels, weights = (one.flatten(0, 1)[targets.instance] for one in (targets.point_labels, targets.point_weights))
    logits = point_logits(outputs, targets)
    return (F.binary_cross_entropy_with_logits(logits, labels.clamp(min=0), reduction="none") * weights).sum(1)


def point_logits(outputs: DenseOutputs, targets: PointTargets) -> Tensor:
    """Mask logits of each positive pair at its object's points, float (P, K), bilinear between the mask's cells.

    A logit is linear in the mask features, so these are sampled and no mask is computed.
    """
    features, places = outputs.mask_features, targets.places
    # Beyond the outermost cell centres a mask goes on as it ends, as where it is resized for detection.
    height, width = features.shape[-2:]
    half = 0.5 / places.new_tensor([width, height])
    sampled = at_places(features, places.flatten(1, 2).clamp(half, 1 - half))
    sampled = sampled.unflatten(2, places.shape[1:3]).transpose(1, 2).flatten(0, 1)
    kernels = torch.cat([kernel.flatten(2) for kernel in outputs.kernel], 2).transpose(1, 2)
    return torch.einsum("pf,pfk->pk", kernels[targets.image, targets.cell], sampled[targets.instance])
