"""SOLOv2 from boxes and labelled points: targets against those of masks, logits by hand, the loss against a loop."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from wssis.config.network import BackboneSettings, SOLOv2Settings
from wssis.models.maskrcnn.targets import IGNORED
from wssis.models.solov2.instances import Instances, from_masks
from wssis.models.solov2.loss import target_loss
from wssis.models.solov2.network import DenseOutputs, SOLOv2
from wssis.models.solov2.point_loss import (
    MixedTargets,
    mixed_counts,
    mixed_divisors,
    mixed_loss,
    point_entropies,
    point_logits,
)
from wssis.models.solov2.point_targets import PointedObjects, PointTargets, build_point_targets
from wssis.models.solov2.targets import build_targets

SETTINGS = SOLOv2Settings(
    backbone=BackboneSettings(name="resnet18", norm="batch"), fpn_channels=16, instance_channels=16, instance_convs=1,
    mask_channels=16, kernel_channels=8, grids=(8, 6, 4, 3, 2),
    scale_ranges=((1, 24), (12, 40), (24, 64), (48, 96), (64, 2048)),
)  # fmt: skip
CLASSES = 2
PADDED = (64, 96)


def pointed(boxes: list[tuple], points: list[list[tuple]] | None = None) -> PointedObjects:
    """Objects of alternating classes; points as (x, y, label) of one weight, filled up with ignored ones."""
    points = [[] for _ in boxes] if points is None else points
    most = max((len(own) for own in points), default=0)
    rows = [[*own, *[(0.0, 0.0, IGNORED)] * (most - len(own))] for own in points]
    packed = torch.tensor(rows, dtype=torch.float32).view(len(boxes), most, 3)
    there = packed[..., 2] != IGNORED
    return PointedObjects(
        torch.tensor(boxes, dtype=torch.float32).view(-1, 4), torch.arange(len(boxes)) % CLASSES, packed[..., :2],
        packed[..., 2], there / there.sum(1, keepdim=True).clamp(min=1),
    )  # fmt: skip


def rectangles(boxes: list[tuple[int, int, int, int]]) -> Instances:
    """Objects that fill their boxes."""
    masks = torch.zeros(len(boxes), *PADDED, dtype=torch.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = 1
    return from_masks(masks, torch.arange(len(boxes)) % CLASSES)


def targets_of(*objects: PointedObjects, settings: SOLOv2Settings = SETTINGS) -> PointTargets:
    return build_point_targets(objects, settings, CLASSES, PADDED)


def random_outputs(images: int, seed: int = 0) -> DenseOutputs:
    torch.manual_seed(seed)
    category = [torch.randn(images, CLASSES, grid, grid, requires_grad=True) for grid in SETTINGS.grids]
    kernel = [torch.randn(images, 8, grid, grid, requires_grad=True) for grid in SETTINGS.grids]
    features = torch.randn(images, 8, PADDED[0] // 4, PADDED[1] // 4, requires_grad=True)
    return DenseOutputs(category, kernel, features)


@pytest.mark.parametrize("positives", ["centre", "mask"])
def test_cells_are_those_of_objects_that_fill_their_boxes(positives: str) -> None:
    """A rectangle's centre of mass is its box's centre, so here nothing is lost."""
    images = [[(4, 4, 30, 30), (50, 20, 91, 60), (60, 2, 61, 40)], [], [(0, 0, 96, 64), (10, 10, 17, 14)]]
    found = targets_of(*map(pointed, images), settings=SETTINGS.model_copy(update={"positives": positives}))
    expected = build_targets([rectangles(boxes) for boxes in images], SETTINGS, CLASSES, PADDED)
    for name in ("category", "ignored", "image", "cell"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name
    assert (found.pairs, found.positives) == (expected.pairs, expected.positives)
    # Three rows for every image: those of the third begin at 6.
    assert found.instance.tolist() == [row if row < 3 else row + 3 for row in expected.instance.tolist()]
    assert set(found.instance.tolist()) == {0, 1, 2, 6, 7}


def test_given_points_are_the_targets() -> None:
    first = pointed([(8, 8, 40, 40), (50, 10, 60, 30)], [[(12, 16, 1), (39, 39, 0)], [(55, 20, 1)]])
    found = targets_of(first, pointed([]), pointed([(0, 0, 10, 10)], [[]]))
    assert found.places.shape == (3, 2, 2, 2) and found.point_labels.shape == (3, 2, 2)
    torch.testing.assert_close(found.places[0, 0], torch.tensor([[12 / 96, 16 / 64], [39 / 96, 39 / 64]]))
    assert found.point_labels.tolist() == [[[1, 0], [1, IGNORED]], [[IGNORED] * 2] * 2, [[IGNORED] * 2] * 2]
    assert found.pairs[1] == 0 and found.pairs[2] > 0
    empty = targets_of(pointed([]))
    assert empty.places.shape == (1, 1, 1, 2) and empty.positives == 0 and (empty.category == CLASSES).all()


def test_logits_at_points_by_hand() -> None:
    """One feature that counts columns, and a kernel that doubles it in every cell."""
    outputs = random_outputs(1)
    features = torch.zeros_like(outputs.mask_features)
    features[0, 0] = torch.arange(24.0)
    kernels = [torch.zeros_like(kernel) for kernel in outputs.kernel]
    for kernel in kernels:
        kernel[:, 0] = 2
    outputs = DenseOutputs(outputs.category, kernels, features)
    # Cell j covers columns 4 j to 4 j + 4, its centre is at 4 j + 2; beyond the outermost centres nothing changes.
    points = [(14.0, 5.0, 1), (16.0, 5.0, 1), (13.0, 60.0, 0), (0.0, 0.0, 0), (96.0, 64.0, 0)]
    found = point_logits(outputs, targets_of(pointed([(8, 8, 40, 40)], [points])))
    assert len(found) > 1
    for pair in found:
        torch.testing.assert_close(pair, 2 * torch.tensor([3.0, 3.5, 2.75, 0.0, 23.0]))


def test_logits_at_pixel_centres_are_those_of_the_resized_mask() -> None:
    outputs = random_outputs(2)
    places = [(0, 0), (95, 63), (17, 40), (50, 3)]
    points = [(x + 0.5, y + 0.5, 1) for x, y in places]
    targets = targets_of(pointed([]), pointed([(8, 8, 40, 40)], [points]))
    kernels = torch.cat([kernel.flatten(2) for kernel in outputs.kernel], 2)
    found = point_logits(outputs, targets)
    for cell, pair in zip(targets.cell, found, strict=True):
        logits = torch.einsum("k,khw->hw", kernels[1, :, cell], outputs.mask_features[1])
        whole = F.interpolate(logits[None, None], scale_factor=4, mode="bilinear", align_corners=False)[0, 0]
        torch.testing.assert_close(pair, torch.stack([whole[y, x] for x, y in places]), atol=1e-4, rtol=1e-4)


OBJECTS = (
    pointed([(8, 8, 40, 40), (50, 10, 60, 30)], [[(12, 16, 1), (38, 39, 0), (90, 2, 0)], [(55, 20, 1)]]),
    pointed([(20, 20, 50, 60), (0, 0, 12, 12)], [[(30, 30, 1), (21, 58, 0)], []]),
)


def test_loss_against_a_loop() -> None:
    first = replace(OBJECTS[0], point_weights=torch.tensor([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]]))
    outputs, targets = random_outputs(2), targets_of(first, OBJECTS[1])
    kernels = torch.cat([kernel.flatten(2) for kernel in outputs.kernel], 2)
    losses = []
    for image, cell, instance in zip(targets.image, targets.cell, targets.instance, strict=True):
        places = targets.places.flatten(0, 1)[instance]
        labels = targets.point_labels.flatten(0, 1)[instance]
        each = []
        for (x, y), label in zip(places.tolist(), labels.tolist(), strict=True):
            if label != IGNORED:
                logits = torch.einsum("k,khw->hw", kernels[image, :, cell], outputs.mask_features[image])
                at = F.grid_sample(
                    logits[None, None], torch.tensor([[[[2 * x - 1, 2 * y - 1]]]]), padding_mode="border",
                    align_corners=False,
                ).item()  # fmt: skip
                each.append(-math.log(1 / (1 + math.exp(-at if label else at))))
        weights = targets.point_weights.flatten(0, 1)[instance]
        losses.append(sum(float(weight) * one for weight, one in zip(weights, each, strict=False)))
    assert losses.count(0.0) == int((targets.instance == 3).sum()) > 0, "a box alone has no mask to learn"
    torch.testing.assert_close(point_entropies(outputs, targets), torch.tensor(losses))
    found = mixed_loss(outputs, MixedTargets(None, targets), 3.0, 2.0)
    torch.testing.assert_close(found["points"], 2 * torch.tensor(losses).mean())
    assert found["dice"] == 0


def test_pixels_without_labels_have_no_gradient() -> None:
    """Only the four cells around each labelled point are asked, of the images whose points they are."""
    outputs, targets = random_outputs(2), targets_of(*OBJECTS)
    (gradient,) = torch.autograd.grad(point_entropies(outputs, targets).sum(), outputs.mask_features)
    asked = torch.zeros(2, 16, 24, dtype=torch.bool)
    for image, x, y in [(0, 12, 16), (0, 38, 39), (0, 90, 2), (0, 55, 20), (1, 30, 30), (1, 21, 58)]:
        column, row = x / 4 - 0.5, y / 4 - 0.5
        for i in {math.floor(row), math.ceil(row)}:
            for j in {math.floor(column), math.ceil(column)}:
                asked[image, i, j] = True
    assert torch.equal(gradient.abs().amax(1) > 0, asked)


def test_both_kinds_are_one_mean_over_pairs() -> None:
    """Each image by itself, and both in one batch: the sums add up, whatever the kinds."""
    masks = build_targets([rectangles([(8, 8, 40, 40), (60, 30, 90, 60)])], SETTINGS, CLASSES, PADDED)
    outputs = random_outputs(3)
    first = DenseOutputs(
        [level[:1] for level in outputs.category], [level[:1] for level in outputs.kernel], outputs.mask_features[:1]
    )
    rest = DenseOutputs(
        [level[1:] for level in outputs.category], [level[1:] for level in outputs.kernel], outputs.mask_features[1:]
    )
    alone = MixedTargets(masks, None), MixedTargets(None, targets_of(*OBJECTS))
    both = MixedTargets(masks, alone[1].points)
    parts = [mixed_loss(part, targets, 3.0, 1.0) for part, targets in zip((first, rest), alone, strict=True)]
    divisors = [mixed_divisors(mixed_counts(targets)) for targets in (*alone, both)]
    torch.testing.assert_close(mixed_counts(both), mixed_counts(alone[0]) + mixed_counts(alone[1]))
    whole = mixed_loss(outputs, both, 3.0, 1.0)
    for place, name in enumerate(("dice", "points", "focal")):
        total = sum(part[name] * divisor[place] for part, divisor in zip(parts, divisors, strict=False))
        torch.testing.assert_close(whole[name].double(), total / divisors[2][place])
    pairs = [sum(part.pairs) for part in both.parts]
    assert min(pairs) > 0 and mixed_counts(both).tolist()[:2] == [sum(pairs)] * 2
    torch.testing.assert_close(whole["dice"], parts[0]["dice"] * pairs[0] / sum(pairs))
    torch.testing.assert_close(whole["points"], parts[1]["points"] * pairs[1] / sum(pairs))
    plain = target_loss(first, masks, 3.0)
    torch.testing.assert_close(plain, {name: parts[0][name] for name in plain})
    assert parts[0]["points"] == 0 and whole["points"] > 0 and whole["dice"] > 0


def test_category_learns_from_boxes_as_from_masks() -> None:
    boxes = [(4, 4, 30, 30), (50, 20, 91, 60)]
    outputs = random_outputs(1)
    found = mixed_loss(outputs, MixedTargets(None, targets_of(pointed(boxes))), 3.0, 1.0)
    expected = target_loss(outputs, build_targets([rectangles(boxes)], SETTINGS, CLASSES, PADDED), 3.0)
    torch.testing.assert_close(found["focal"], expected["focal"])


MASKED = build_targets([rectangles([(8, 8, 40, 40)])], SETTINGS, CLASSES, PADDED)
NOTHING = build_targets([rectangles([])], SETTINGS, CLASSES, PADDED)
BATCHES = {
    "masks alone": MixedTargets(MASKED, None),
    "points alone": MixedTargets(None, targets_of(*OBJECTS)),
    "both": MixedTargets(MASKED, targets_of(*OBJECTS)),
    "no objects": MixedTargets(NOTHING, targets_of(pointed([]))),
    "no objects and no masks": MixedTargets(None, targets_of(pointed([]), pointed([]))),
    "a box alone": MixedTargets(None, targets_of(pointed([(4, 4, 30, 30)]))),
    "points beyond the image": MixedTargets(None, targets_of(pointed([(4, 4, 30, 30)], [[(500, -80, 0), (5, 5, 1)]]))),
}


@pytest.mark.parametrize("name", BATCHES)
def test_trains_through(name: str) -> None:
    torch.manual_seed(0)
    network, targets = SOLOv2(SETTINGS, CLASSES).train(), BATCHES[name]
    images = sum(len(part.category) for part in targets.parts)
    pictures = [torch.randint(0, 255, (3, *PADDED), dtype=torch.uint8) for _ in range(max(2, images))][:images]
    if images == 1:
        network.eval()  # A batch norm needs more than one value.
    torch.use_deterministic_algorithms(True)
    try:
        losses = mixed_loss(network(network.batch(pictures)), targets, 3.0, 1.0)
        sum(losses.values()).backward()
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.isfinite(loss) for loss in losses.values()) and list(losses) == ["dice", "points", "focal"]
    for weight_name, weight in network.named_parameters():
        assert weight.grad is not None and torch.isfinite(weight.grad).all(), weight_name


def test_moved_and_pinned_targets_are_the_same() -> None:
    moved = BATCHES["both"].to("cpu")
    assert moved.points.pairs == BATCHES["both"].points.pairs
    assert torch.equal(moved.points.places, BATCHES["both"].points.places)
    assert BATCHES["points alone"].to("cpu").masks is None
