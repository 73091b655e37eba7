"""Targets and loss of SOLOv2 as published: loops over images, levels, objects and cells (`get_ground_truth_single` and
`loss` of PointWSSIS).

Every positive cell gets its own copy of its object's mask; per level and image the chosen kernels are convolved with
the mask features. What the published code repeats without need (masks made smaller on each level again, boxes fetched
from the device number by number) is done once. Objects without masks, weights and crowd regions are unknown to it.

B images, N objects of an image, S grid cells per side, P positive cells of an image and level, h x w at stride 4.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from wssis.config.network import SOLOv2Settings
from wssis.models.solov2.instances import Instances, mass_centres
from wssis.models.solov2.network import DenseOutputs
from wssis.models.solov2.targets import quarter_masks

ALPHA, GAMMA, DICE_EPSILON, DICE_WEIGHT = 0.25, 2.0, 0.001, 3.0


@dataclass(frozen=True)
class LevelTargets:
    """One image on one level.

    category: int64 (S, S), class index, or the number of classes; cells: row * S + column of the P positive cells, in
    order of assignment; masks: uint8 (P, h, w).
    """

    category: Tensor
    cells: list[int]
    masks: Tensor


@dataclass(frozen=True)
class _Shapes:
    """The objects of one image: centres, boxes on the CPU, float32 (N, 2), (N, 4); small: uint8 (N, h, w)."""

    centres: Tensor
    boxes: Tensor
    labels: list[int]
    small: Tensor


@torch.no_grad()
def image_targets(
    one: Instances, settings: SOLOv2Settings, classes: int, padded: tuple[int, int]
) -> list[LevelTargets]:
    """Targets of one image on every level."""
    centres, present = mass_centres(one.masks)
    small = quarter_masks(one.masks)
    height, width = (side // 4 for side in padded)
    small = F.pad(small, (0, width - small.shape[-1], 0, height - small.shape[-2]))
    boxes = one.boxes.cpu()
    sides = torch.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
    shapes = _Shapes(centres.cpu(), boxes, one.labels.tolist(), small)
    levels = []
    for (low, high), grid in zip(settings.scale_ranges, settings.grids, strict=True):
        hit = ((sides >= low) & (sides <= high) & present.cpu()).nonzero()[:, 0].tolist()
        levels.append(_level(shapes, hit, grid, classes, padded, settings.sigma))
    return levels


def _level(
    shapes: _Shapes, hit: list[int], grid: int, classes: int, padded: tuple[int, int], sigma: float
) -> LevelTargets:
    """The objects `hit` on a level of grid x grid cells; a later object overwrites an earlier one's category."""
    category = torch.full((grid, grid), classes, dtype=torch.int64, device=shapes.small.device)
    cells, masks = [], []
    for number in hit:
        top, down = _span(shapes, number, 1, padded[0], grid, sigma)
        left, right = _span(shapes, number, 0, padded[1], grid, sigma)
        category[top : down + 1, left : right + 1] = shapes.labels[number]
        for row in range(top, down + 1):
            for column in range(left, right + 1):
                cells.append(row * grid + column)
                masks.append(shapes.small[number])
    return LevelTargets(category, cells, torch.stack(masks) if masks else shapes.small[:0])


def _span(shapes: _Shapes, number: int, axis: int, size: int, grid: int, sigma: float) -> tuple[int, int]:
    """First and last positive row (axis 1) or column (axis 0) of an object; float32 throughout, as published."""
    centre = shapes.centres[number, axis]
    half = 0.5 * (shapes.boxes[number, axis + 2] - shapes.boxes[number, axis]) * sigma
    middle = int((centre / size) // (1.0 / grid))
    first = max(0, int(((centre - half) / size) // (1.0 / grid)))
    last = min(grid - 1, int(((centre + half) / size) // (1.0 / grid)))
    return max(first, middle - 1), min(last, middle + 1)


def loss_by_loops(
    outputs: DenseOutputs, instances: list[Instances], settings: SOLOv2Settings, padded: tuple[int, int]
) -> dict[str, Tensor]:
    """The same losses as `wssis.models.solov2.loss.solov2_loss`; needs an object in at least one image."""
    outputs = outputs.float()
    classes = outputs.category[0].shape[1]
    with torch.autocast(outputs.mask_features.device.type, enabled=False):
        targets = [image_targets(one, settings, classes, padded) for one in instances]
        return {"dice": DICE_WEIGHT * _mask_loss(outputs, targets), "focal": _category_loss(outputs, targets)}


def _mask_loss(outputs: DenseOutputs, targets: list[list[LevelTargets]]) -> Tensor:
    """Mean of 1 - Dice over the positive cells of all levels and images."""
    losses = []
    for level, kernel in enumerate(outputs.kernel):
        predicted, truth = [], []
        for image, levels in enumerate(targets):
            cells = levels[level].cells
            if not cells:
                continue
            chosen = kernel[image].flatten(1)[:, cells].T[:, :, None, None]
            predicted.append(F.conv2d(outputs.mask_features[image : image + 1], chosen)[0])
            truth.append(levels[level].masks)
        if predicted:
            losses.append(_dice_loss(torch.cat(predicted).sigmoid(), torch.cat(truth)))
    return torch.cat(losses).mean()


def _dice_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    predicted, truth = predicted.flatten(1), truth.flatten(1).float()
    overlap = (predicted * truth).sum(1)
    size = (predicted * predicted).sum(1) + DICE_EPSILON + (truth * truth).sum(1) + DICE_EPSILON
    return 1 - 2 * overlap / size


def _category_loss(outputs: DenseOutputs, targets: list[list[LevelTargets]]) -> Tensor:
    """Focal loss over all cells and classes / (positive cells + 1)."""
    classes = outputs.category[0].shape[1]
    category = [torch.cat([levels[level].category.flatten() for levels in targets]) for level in range(len(targets[0]))]
    wanted = torch.cat(category)
    logits = torch.cat([level.permute(0, 2, 3, 1).reshape(-1, classes) for level in outputs.category])
    positive = (wanted != classes).nonzero()[:, 0]
    truth = torch.zeros_like(logits)
    truth[positive, wanted[positive]] = 1
    probability = logits.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    right = probability * truth + (1 - probability) * (1 - truth)
    weight = ALPHA * truth + (1 - ALPHA) * (1 - truth)
    return (weight * (1 - right) ** GAMMA * entropy).sum() / (len(positive) + 1)
