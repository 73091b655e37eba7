"""Rows: Mask R-CNN, R50, 512 px, learning from ten points per object against learning from masks of the same objects.

A step is forward, losses and backward with the same network, boxes and random draws on both sides; on a GPU in bfloat16
autocast. Further rows leave the network out: the mask loss from the logits of 128 proposals per image, points against
masks, and points against a loop over proposals.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from benchmarks.measuring import Conditions, Row, Work
from benchmarks.references.point_losses import point_losses_by_loops
from benchmarks.scenes import CLASSES, TRAINING_SIZE, ellipses, random_images
from wssis.config.maskrcnn import BoxSupervision, MaskRCNNSettings
from wssis.config.network import BackboneSettings
from wssis.geometry.box_points import labels_at, uniform_in_box
from wssis.models.maskrcnn.boxes import Matched
from wssis.models.maskrcnn.grid_masks import SIDE, grid_losses
from wssis.models.maskrcnn.network import MaskRCNN
from wssis.models.maskrcnn.points import at_places
from wssis.models.maskrcnn.supervised import place_losses
from wssis.models.maskrcnn.targets import IGNORED, BoxTargets

POINTS = 10
PROPOSALS = 128
BATCH = {"cpu": 1, "cuda": 16}
NO_SLOWER = 0.95
"""Least ratio of a whole step: the network is nearly all of it, so that its noise is the ratio's."""

Loss = Callable[[Tensor], Tensor]


def rows(conditions: Conditions) -> list[Row]:
    """Whole steps, then the mask loss alone."""
    where, batch = str(conditions.device), BATCH[conditions.device.type]
    return [
        Row(
            f"Mask R-CNN step, {count} objects, batch {batch}: points, against masks",
            lambda count=count: _steps(count, conditions), NO_SLOWER, where,
        )
        for count in (7, 50)
    ] + [
        Row("mask loss at points, against masks", lambda: _against_masks(conditions), 1.0, where),
        Row(
            "mask loss at points, against a loop over proposals",
            lambda: _against_loops(conditions), 2.0, where, check=_same,
        ),
    ]  # fmt: skip


def scene(count: int, batch: int, device: torch.device) -> tuple[BoxTargets, BoxTargets]:
    """The same objects twice: with points, and with masks."""
    rng = torch.Generator().manual_seed(4)
    drawn = [ellipses(count, TRAINING_SIZE, seed=image) for image in range(batch)]
    points, labels = [], []
    for one in drawn:
        for mask, (x0, y0, x1, y1) in zip(one.masks.numpy().astype(bool), one.boxes.tolist(), strict=True):
            seed = int(torch.randint(2**31, (1,), generator=rng))
            own = uniform_in_box([x0, y0, x1 - x0, y1 - y0], POINTS, np.random.default_rng(seed))
            points.append(torch.from_numpy(own).float())
            labels.append(torch.from_numpy(labels_at(mask, own)).float())
    boxes, classes = [one.boxes for one in drawn], [one.labels for one in drawn]
    empty = [torch.zeros((0, *TRAINING_SIZE), dtype=torch.uint8)] * batch
    given = torch.full((count * batch,), float(POINTS))
    pointed = BoxTargets(
        boxes, classes, empty, torch.full((count * batch,), -1), torch.stack(points), torch.stack(labels), given,
        [None] * batch,
    )  # fmt: skip
    masked = replace(
        pointed, masks=[one.masks for one in drawn], mask_of=torch.arange(count).repeat(batch),
        point_labels=torch.full_like(pointed.point_labels, IGNORED), point_counts=torch.zeros_like(given),
    )  # fmt: skip
    return pointed.to(device), masked.to(device)


def _steps(count: int, conditions: Conditions) -> tuple[Work, Work]:
    device, batch = conditions.device, BATCH[conditions.device.type]
    torch.manual_seed(1)
    settings = MaskRCNNSettings(backbone=BackboneSettings(name="resnet50", norm="batch"))
    model = MaskRCNN(settings, CLASSES).to(device).train().to(memory_format=torch.channels_last)
    images = model.batch(random_images(batch, TRAINING_SIZE, device)).contiguous(memory_format=torch.channels_last)

    def step(targets: BoxTargets) -> None:
        """Forward, losses and backward, with the same random draws every time."""
        torch.manual_seed(2)
        model.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=conditions.cuda):
            losses = model(images, [TRAINING_SIZE] * batch, targets, BoxSupervision())
        torch.stack([loss.float() for loss in losses.values()]).sum().backward()

    pointed, masked = scene(count, batch, device)
    return lambda: step(pointed), lambda: step(masked)


def head(device: torch.device, images: int = 1) -> tuple[Tensor, Matched, BoxTargets, BoxTargets]:
    """Logits (N, 28, 28) of proposals near their objects; what they show; the objects with points, and with masks."""
    pointed, masked = scene(20, images, device)
    generator = torch.Generator().manual_seed(5)
    objects = torch.arange(PROPOSALS * images) // PROPOSALS * 20 + torch.arange(PROPOSALS * images) % 20
    true = torch.cat(pointed.boxes).cpu()[objects]
    sides = (true[:, 2:] - true[:, :2]).repeat(1, 2)
    boxes = (true + 0.1 * sides * (torch.rand(true.shape, generator=generator) - 0.5)).to(device)
    logits = torch.randn((len(boxes), SIDE, SIDE), generator=generator).to(device).requires_grad_()
    classes = torch.cat(pointed.classes)[objects.to(device)]
    return logits, Matched(list(boxes.split(PROPOSALS)), classes, objects.to(device)), pointed, masked


def _gradient(loss: Loss, logits: Tensor) -> Tensor:
    return torch.autograd.grad(loss(logits).sum(), logits)[0]


def _at_points(logits: Tensor, matched: Matched, targets: BoxTargets) -> Tensor:
    return place_losses(lambda places: at_places(logits[:, None], places)[:, 0], matched, targets)


def _against_masks(conditions: Conditions) -> tuple[Work, Work]:
    logits, matched, pointed, masked = head(conditions.device, BATCH[conditions.device.type])
    return (
        lambda: _gradient(lambda values: _at_points(values, matched, pointed), logits),
        lambda: _gradient(lambda values: grid_losses(values, matched, masked), logits),
    )


def _against_loops(conditions: Conditions) -> tuple[Work, Work]:
    logits, matched, pointed, _ = head(conditions.device)
    return (
        lambda: _gradient(lambda values: _at_points(values, matched, pointed), logits),
        lambda: _gradient(lambda values: point_losses_by_loops(values, matched, pointed), logits),
    )


def _same(ours: Tensor, reference: Tensor) -> None:
    torch.testing.assert_close(ours, reference)
