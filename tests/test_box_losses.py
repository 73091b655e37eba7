"""Losses of the box networks: against plain loops, on hand-made masks, and in batches of every kind."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from box_fixtures import NETWORK
from torch import Tensor

from wssis.config.maskrcnn import BoxSupervision
from wssis.models.maskrcnn.boxes import Matched
from wssis.models.maskrcnn.grid_masks import grid_losses
from wssis.models.maskrcnn.network import MaskRCNN
from wssis.models.maskrcnn.paste import paste
from wssis.models.maskrcnn.points import at_places, of_class
from wssis.models.maskrcnn.pooling import features_at, grid_places, pool
from wssis.models.maskrcnn.supervised import labels_by_masks, mean_of_supervised, place_losses
from wssis.models.maskrcnn.targets import BoxTargets, covered

HAND = torch.tensor([[c == "#" for c in row] for row in (
    ".........",
    "..####...",
    "..#..##..",
    "..####...",
    ".........",
    "........#",
)])  # fmt: skip
KINDS = ("mask-rcnn", "implicit-pointrend")


def targets_of(**changes: object) -> BoxTargets:
    """Two images of 6 x 9: one object with the hand-made mask and one with points; then one with a box alone."""
    given = BoxTargets(
        boxes=[torch.tensor([[2.0, 1, 9, 6], [1, 0, 5, 4]]), torch.tensor([[0.0, 0, 9, 6]])],
        classes=[torch.tensor([1, 0]), torch.tensor([1])],
        masks=[HAND[None].to(torch.uint8), torch.zeros((0, 6, 9), dtype=torch.uint8)],
        mask_of=torch.tensor([0, -1, -1]),
        points=torch.tensor([[[0.0, 0], [0, 0]], [[2, 1], [4, 3.5]], [[0, 0], [0, 0]]]),
        point_labels=torch.tensor([[-1.0, -1], [1, 0], [-1, -1]]),
        point_counts=torch.tensor([0.0, 2, 0]),
        crowd=[None, None],
    )
    return replace(given, **changes)


def nothing(images: int = 1) -> BoxTargets:
    """Images without objects."""
    return BoxTargets(
        [torch.zeros(0, 4)] * images, [torch.zeros(0, dtype=torch.int64)] * images,
        [torch.zeros((0, 64, 64), dtype=torch.uint8)] * images, torch.zeros(0, dtype=torch.int64),
        torch.zeros(0, 0, 2), torch.zeros(0, 0), torch.zeros(0), [None] * images,
    )  # fmt: skip


def matched_of(boxes: list[list[list[float]]], objects: list[int], targets: BoxTargets) -> Matched:
    shown = torch.tensor(objects, dtype=torch.int64)
    return Matched([torch.tensor(own).float().view(-1, 4) for own in boxes], torch.cat(targets.classes)[shown], shown)


def by_loops(logits: Tensor, matched: Matched, targets: BoxTargets) -> Tensor:
    """Point losses, one point at a time, interpolated by hand."""
    losses = []
    for row, (box, place) in enumerate(zip(torch.cat(matched.boxes), matched.objects.tolist(), strict=True)):
        total = 0.0
        for (x, y), label in zip(targets.points[place].tolist(), targets.point_labels[place].tolist(), strict=True):
            if label < 0 or not (box[0] <= x <= box[2] and box[1] <= y <= box[3]):
                continue
            u = float((x - box[0]) / (box[2] - box[0])) * logits.shape[-1] - 0.5
            v = float((y - box[1]) / (box[3] - box[1])) * logits.shape[-2] - 0.5
            value = 0.0
            for column in (int(np.floor(u)), int(np.floor(u)) + 1):
                for line in (int(np.floor(v)), int(np.floor(v)) + 1):
                    if 0 <= column < logits.shape[-1] and 0 <= line < logits.shape[-2]:
                        weight = (1 - abs(u - column)) * (1 - abs(v - line))
                        value += weight * float(logits[row, line, column])
            total += float(F.binary_cross_entropy_with_logits(torch.tensor(value), torch.tensor(label)))
        losses.append(total / max(1.0, float(targets.point_counts[place])))
    return torch.tensor(losses)


def test_point_losses_are_those_of_plain_loops() -> None:
    torch.manual_seed(0)
    targets = targets_of(
        points=torch.rand(3, 5, 2) * torch.tensor([9.0, 6.0]),
        point_labels=torch.randint(0, 2, (3, 5)).float(), point_counts=torch.tensor([5.0, 5, 5]),
    )  # fmt: skip
    targets.point_labels[1, 3:] = -1
    boxes = [[[2, 1, 9, 6], [1, 0, 5, 4], [0, 0, 9, 6]], [[0.5, 0.25, 8, 6]]]
    matched = matched_of(boxes, [0, 1, 1, 2], targets)
    logits = torch.randn(4, 28, 28)
    found = place_losses(lambda places: at_places(logits[:, None], places)[:, 0], matched, targets)
    torch.testing.assert_close(found, by_loops(logits, matched, targets))


def test_grid_targets_of_the_hand_made_mask() -> None:
    """The loss of logits that are right everywhere is nothing; of those that are wrong everywhere it is large."""
    targets = targets_of()
    matched = matched_of([[[2, 1, 9, 6], [0, 0, 9, 6], [1, 0, 5, 4]], [[0, 0, 9, 6]]], [0, 0, 1, 2], targets)
    right = []
    for x0, y0, x1, y1 in ((2, 1, 9, 6), (0, 0, 9, 6)):
        columns = (x0 + grid_places(28, torch.device("cpu"))[:28, 0] * (x1 - x0)).long()
        lines = (y0 + grid_places(28, torch.device("cpu"))[::28, 1] * (y1 - y0)).long()
        right.append(20.0 * (2.0 * HAND[lines][:, columns] - 1))
    logits = torch.stack([*right, torch.zeros(28, 28), torch.zeros(28, 28)])
    good, bad = grid_losses(logits, matched, targets), grid_losses(-logits, matched, targets)
    assert good[2:].tolist() == [0, 0], "without a mask nothing is said"
    assert good[:2].max() < 1.5 and bad[:2].min() > 18, "cells on an edge may round either way"


def test_labels_by_masks() -> None:
    targets = targets_of()
    matched = matched_of([[[2, 1, 9, 6], [1, 0, 5, 4]], [[0, 0, 9, 6]]], [0, 1, 2], targets)
    points = torch.tensor([[2.0, 1.0], [1.99, 1.0], [3.5, 2.5], [8.5, 5.5], [9.0, 6.0], [-1.0, 0.0]])
    labels = labels_by_masks(points.expand(3, -1, -1), matched, targets)
    assert labels.tolist() == [[1, 0, 0, 1, 1, 0], [-1] * 6, [-1] * 6]


def test_the_mean_is_over_what_is_supervised() -> None:
    targets = targets_of()
    matched = matched_of([[[2, 1, 9, 6], [1, 0, 5, 4], [1, 0, 5, 4]], [[0, 0, 9, 6]]], [0, 1, 1, 2], targets)
    each = torch.tensor([1.0, 2.0, 3.0, 0.0])
    assert mean_of_supervised(each, torch.zeros(1), matched, targets).item() == 2.0
    empty = matched_of([[], []], [], targets)
    assert mean_of_supervised(each[:0], torch.zeros(0, 28, 28), empty, targets).item() == 0.0


def test_crowd_covers_boxes() -> None:
    boxes = torch.tensor([[2.0, 1, 6, 4], [2, 1, 3, 4], [0, 0, 9, 6], [-5, -5, 2, 1], [4, 3, 4, 3], [7.6, 4.6, 20, 20]])
    expected = [10 / 12, 1.0, 12 / 54, 0.0, 0.0, 1.0]
    assert covered(boxes, HAND).tolist() == pytest.approx(expected)


def test_masks_are_pasted_where_their_boxes_are() -> None:
    whole = torch.ones(1, 28, 28)
    assert paste(whole, torch.tensor([[2.0, 1, 6, 4]]), (6, 9), 0.5)[0].nonzero().tolist() == [
        [y, x] for y in (1, 2, 3) for x in (2, 3, 4, 5)
    ]
    torch.manual_seed(0)
    maps, boxes = torch.rand(3, 28, 28), torch.tensor([[-3.0, 1, 6.5, 4], [0, 0, 9, 6], [8.2, 5.1, 8.9, 5.8]])
    centres = grid_places(1, maps.device)  # One place: the middle, to keep the loop below readable.
    assert centres.tolist() == [[0.5, 0.5]]
    for line in range(6):
        for column in range(9):
            place = (torch.tensor([column + 0.5, line + 0.5]) - boxes[:, :2]) / (boxes[:, 2:] - boxes[:, :2])
            expected = at_places(maps[:, None], place[:, None])[:, 0, 0] > 0.5
            assert paste(maps, boxes, (6, 9), 0.5)[:, line, column].tolist() == expected.tolist()
    assert paste(maps[:0], boxes[:0], (6, 9), 0.5).shape == (0, 6, 9)
    degenerate = paste(whole, torch.tensor([[3.0, 2, 3, 2]]), (6, 9), 0.5)
    assert degenerate.shape == (1, 6, 9) and not degenerate.any()


def test_pooled_features_lie_where_their_boxes_are() -> None:
    """A pyramid that holds its own coordinates gives back the coordinates of the cells' centres."""
    pyramid = []
    for stride in (4, 8, 16, 32):
        middle = (torch.arange(512 // stride) + 0.5) * stride
        down, across = torch.meshgrid(middle, middle, indexing="ij")
        pyramid.append(torch.stack([across, down])[None].repeat(2, 1, 1, 1))
    boxes = [torch.tensor([[100.0, 60, 140, 120], [70, 90, 300, 390]]), torch.tensor([[64.0, 64, 448, 448]])]
    found = pool(pyramid, boxes, 7)
    merged = torch.cat(boxes)
    expected = merged[:, None, :2] + grid_places(7, merged.device) * (merged[:, None, 2:] - merged[:, None, :2])
    torch.testing.assert_close(found.flatten(2).transpose(1, 2), expected, atol=1e-2, rtol=0)
    sampled = features_at(pyramid[0], 4, expected, [2, 1])
    torch.testing.assert_close(sampled.transpose(1, 2), expected, atol=1e-2, rtol=0)


def _losses(kind: str, targets: BoxTargets, masks_as: str = "grid") -> tuple[MaskRCNN, dict[str, Tensor]]:
    """A random network's losses on noise of 64 x 64 px."""
    torch.manual_seed(0)
    model = MaskRCNN(NETWORK.model_copy(update={"kind": kind}), 2)
    images = [torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8) for _ in targets.boxes]
    supervision = BoxSupervision(masks_as=masks_as, uniform_points=20)
    return model, model(model.batch(images), [(64, 64)] * len(images), targets, supervision)


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_learns_also_without_objects(kind: str) -> None:
    model, losses = _losses(kind, nothing(2))
    assert all(loss.isfinite() for loss in losses.values())
    assert losses["masks"].item() == losses["boxes"].item() == losses["anchor_boxes"].item() == 0
    sum(losses.values()).backward()
    assert [name for name, weight in model.named_parameters() if weight.requires_grad and weight.grad is None] == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("masks_as", ["grid", "points"])
def test_mixed_batches(kind: str, masks_as: str) -> None:
    """Masks, points, a box alone, a box of one pixel and an empty image at once; the mask loss has a gradient."""
    scale = torch.tensor([7.0, 10.0])
    hand = HAND.repeat_interleave(10, 0).repeat_interleave(7, 1).to(torch.uint8)[None]
    boxes: list[list[list[float]]] = [[[14, 10, 63, 60], [7, 0, 35, 40]], [[63, 63, 64, 64]], []]
    mixed = targets_of(
        boxes=[torch.tensor(own).float().view(-1, 4) for own in boxes],
        classes=[torch.tensor([1, 0]), torch.tensor([1]), torch.zeros(0, dtype=torch.int64)],
        masks=[F.pad(hand, (0, 1, 0, 4)), *[torch.zeros((0, 64, 64), dtype=torch.uint8)] * 2],
        points=targets_of().points * scale, crowd=[None] * 3,
    )  # fmt: skip
    model, losses = _losses(kind, mixed, masks_as)
    assert losses["masks"].item() > 0 and all(loss.isfinite() for loss in losses.values())
    losses["masks"].backward()
    gradients = [weight.grad for weight in model.masks.predictor.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    assert sum(float(gradient.abs().sum()) for gradient in gradients) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_points_that_all_lie_outside_say_nothing(kind: str) -> None:
    outside = BoxTargets(
        [torch.tensor([[10.0, 10, 40, 40]])], [torch.tensor([0])], [torch.zeros((0, 64, 64), dtype=torch.uint8)],
        torch.tensor([-1]), torch.full((1, 4, 2), 500.0), torch.ones(1, 4), torch.tensor([4.0]), [None],
    )  # fmt: skip
    model, losses = _losses(kind, outside)
    assert losses["masks"].item() == 0
    sum(losses.values()).backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)


def test_a_crowd_is_no_background() -> None:
    """Where all is crowd, no anchor and no proposal is taken for background."""
    crowd = replace(nothing(), crowd=[torch.ones(64, 64, dtype=torch.bool)])
    model, _ = _losses("mask-rcnn", nothing())
    proposals = [torch.tensor([[3.0, 3, 20, 20], [30, 30, 60, 50]])]
    assert [len(rows) for rows in model.boxes._draw(list(proposals), nothing())[0]] == [2]
    assert [len(rows) for rows in model.boxes._draw(list(proposals), crowd)[0]] == [0]
    half = replace(nothing(), crowd=[F.pad(torch.ones(64, 25, dtype=torch.bool), (0, 39))])
    assert [own.tolist() for own in model.boxes._draw(list(proposals), half)[0]] == [[[30, 30, 60, 50]]]


def test_of_class() -> None:
    maps = torch.arange(12.0).view(2, 3, 2)
    assert of_class(maps, torch.tensor([2, 0])).tolist() == [[4, 5], [6, 7]]
