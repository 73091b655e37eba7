"""Losses of SOLOv2 train through: batches without objects, tiny, unmasked and crowded ones; and the network learns."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from wssis.config.network import BackboneSettings, SOLOv2Settings
from wssis.config.segmentor_stages import SegmentorSettings
from wssis.config.training import InferenceSettings
from wssis.models.solov2.inference import detect
from wssis.models.solov2.instances import Instances, from_masks
from wssis.models.solov2.loss import DICE_WEIGHT, solov2_loss, target_loss
from wssis.models.solov2.network import DenseOutputs, SOLOv2, padded_size
from wssis.models.solov2.targets import build_targets

SETTINGS = SOLOv2Settings(
    backbone=BackboneSettings(name="resnet18", norm="batch"),
    fpn_channels=16,
    instance_channels=16,
    instance_convs=1,
    mask_channels=16,
    kernel_channels=16,
    grids=(8, 6, 4, 3, 2),
    scale_ranges=((1, 24), (12, 40), (24, 64), (48, 96), (64, 2048)),
)
CLASSES = 2


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def shared_network() -> SOLOv2:
    torch.manual_seed(0)
    return SOLOv2(SETTINGS, CLASSES)


@pytest.fixture
def network(shared_network: SOLOv2) -> SOLOv2:
    """The same network for all tests, in training, without gradients; the one test that changes its weights is last."""
    shared_network.zero_grad(set_to_none=True)
    return shared_network.train()


def _objects(*boxes: tuple[int, int, int, int], size: int = 64) -> Instances:
    masks = torch.zeros(len(boxes), size, size, dtype=torch.uint8)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = 1
    return from_masks(masks, torch.arange(len(boxes)) % CLASSES)


def test_the_published_weight_is_that_of_the_settings() -> None:
    """What the reference vectors vouch for is what a study trains with where it sets nothing."""
    assert SegmentorSettings().dice_weight == DICE_WEIGHT


def test_uncertain_pixels_count_for_no_mask_and_no_prediction(network: SOLOv2) -> None:
    objects, band = _objects((4, 4, 44, 44)), torch.zeros(1, 64, 64, dtype=torch.uint8)
    band[:, 24:44] = 1
    outputs = network(network.batch([torch.full((3, 64, 64), 90, dtype=torch.uint8)]))
    plain = build_targets([objects], SETTINGS, CLASSES, (64, 64))
    banded = build_targets([replace(objects, uncertain=band)], SETTINGS, CLASSES, (64, 64))
    assert plain.uncertain is None and torch.equal(plain.masks, banded.masks) and banded.uncertain[0, 6:11].all()
    assert banded.uncertain.sum() == 5 * 16
    losses = [target_loss(outputs, one, 3.0) for one in (plain, banded)]
    assert losses[0]["dice"] != losses[1]["dice"] and losses[0]["focal"] == losses[1]["focal"]
    other = replace(banded, masks=banded.masks * (1 - banded.uncertain))
    assert target_loss(outputs, other, 3.0)["dice"] == losses[1]["dice"], "what the mask says there does not matter"
    features = outputs.mask_features
    (gradient,) = torch.autograd.grad(losses[1]["dice"], features)
    assert not gradient[0, :, 6:11].any() and gradient[0, :, :6].any()
    none = replace(plain, uncertain=torch.zeros_like(plain.masks))
    assert target_loss(outputs, none, 3.0)["dice"] == losses[0]["dice"]


def test_uncertain_pixels_of_some_images_only(network: SOLOv2) -> None:
    one, other = _objects((4, 4, 44, 44)), _objects((0, 0, 20, 20), (30, 30, 60, 60))
    band = torch.ones(2, 64, 64, dtype=torch.uint8)
    targets = build_targets([one, replace(other, uncertain=band)], SETTINGS, CLASSES, (64, 64))
    assert targets.uncertain.shape == targets.masks.shape == (3, 16, 16)
    assert not targets.uncertain[0].any() and targets.uncertain[1:].all()
    losses = target_loss(network(network.batch([torch.zeros(3, 64, 64, dtype=torch.uint8)] * 2)), targets, 3.0)
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())


def _unmasked(instances: Instances) -> Instances:
    return replace(instances, masks=torch.zeros_like(instances.masks), has_mask=torch.zeros(len(instances)).bool())


CROWD = torch.zeros(64, 64, dtype=torch.bool)
CROWD[:40] = True
BATCHES = {
    "plain": [_objects((4, 4, 30, 30), (30, 20, 60, 60)), _objects((10, 10, 20, 50))],
    "no objects": [_objects(), _objects()],
    "one image without objects": [_objects((4, 4, 30, 30)), _objects()],
    "one pixel": [_objects((7, 9, 8, 10)), _objects((0, 0, 1, 1))],
    "one pixel wide": [_objects((7, 9, 8, 50)), _objects((0, 63, 64, 64))],
    "empty mask": [_objects((5, 5, 5, 5)), _objects()],
    "unmasked only": [_unmasked(_objects((4, 4, 30, 30))), _unmasked(_objects((50, 50, 60, 60)))],
    "crowd": [replace(_objects((4, 4, 30, 30), (5, 45, 50, 60)), ignore=CROWD), _objects()],
    "crowd over everything": [replace(_objects((4, 4, 30, 30)), ignore=torch.ones(64, 64).bool())] * 2,
    "odd size": [_objects((4, 4, 30, 30), size=51), _objects((10, 10, 20, 50), size=62)],
}


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("positives", ["centre", "mask"])
def test_trains_through(network: SOLOv2, name: str, positives: str) -> None:
    instances = BATCHES[name]
    images = network.batch([torch.randint(0, 255, (3, *one.masks.shape[1:]), dtype=torch.uint8) for one in instances])
    settings = SETTINGS.model_copy(update={"positives": positives})
    torch.use_deterministic_algorithms(True)
    try:
        losses = solov2_loss(network(images), instances, settings, tuple(images.shape[-2:]))
        sum(losses.values()).backward()
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.isfinite(loss) for loss in losses.values())
    for weight_name, weight in network.named_parameters():
        assert weight.grad is not None and torch.isfinite(weight.grad).all(), weight_name


def _random_outputs() -> DenseOutputs:
    torch.manual_seed(1)
    category = [torch.randn(1, CLASSES, grid, grid, requires_grad=True) for grid in SETTINGS.grids]
    kernel = [torch.randn(1, 16, grid, grid, requires_grad=True) for grid in SETTINGS.grids]
    return DenseOutputs(category, kernel, torch.randn(1, 16, 16, 16, requires_grad=True))


def test_unmasked_object_gives_its_cells_no_loss() -> None:
    outputs = _random_outputs()
    losses = solov2_loss(outputs, [_unmasked(_objects((28, 28, 36, 36)))], SETTINGS, (64, 64))
    sum(losses.values()).backward()
    gradient = outputs.category[0].grad
    silent = torch.zeros(8, 8, dtype=torch.bool)
    # The point is (31.5, 31.5): cell 3 of 8.
    silent[2:5, 2:5] = True
    assert gradient[0, :, silent].abs().max() == 0 and gradient[0, :, ~silent].abs().min() > 0
    assert losses["dice"] == 0


def test_crowd_pixels_have_no_say_in_the_mask_loss() -> None:
    outputs = _random_outputs()
    objects = _objects((4, 4, 60, 60))
    solov2_loss(outputs, [replace(objects, ignore=CROWD)], SETTINGS, (64, 64))["dice"].backward()
    assert outputs.mask_features.grad[0, :, :10].abs().max() == 0
    assert outputs.mask_features.grad[0, :, 10:].abs().max() > 0


def test_weights_scale_the_mask_loss() -> None:
    objects = _objects((4, 4, 60, 60))
    outputs = _random_outputs()
    whole = solov2_loss(outputs, [objects], SETTINGS, (64, 64))
    half = solov2_loss(outputs, [replace(objects, weights=torch.tensor([0.5]))], SETTINGS, (64, 64))
    torch.testing.assert_close(half["dice"], whole["dice"] / 2)
    assert half["focal"] == whole["focal"]


def test_loss_of_a_batch_does_not_depend_on_the_order_of_its_images(network: SOLOv2) -> None:
    network.eval()
    pictures = [torch.randint(0, 255, (3, 64, 64), dtype=torch.uint8) for _ in range(2)]
    instances = BATCHES["plain"]
    there = solov2_loss(network(network.batch(pictures)), instances, SETTINGS, (64, 64))
    back = solov2_loss(network(network.batch(pictures[::-1])), instances[::-1], SETTINGS, (64, 64))
    torch.testing.assert_close(there, back)


def test_detections_of_nothing() -> None:
    outputs = DenseOutputs(
        [torch.full((1, CLASSES, grid, grid), -9.0) for grid in SETTINGS.grids],
        [torch.zeros(1, 16, grid, grid) for grid in SETTINGS.grids],
        torch.zeros(1, 16, 16, 16),
    )
    found = detect(outputs, [(64, 60)], [(100, 90)], InferenceSettings(), 10)[0]
    assert found.masks.shape == (0, 100, 90) and found.masks.dtype == torch.bool
    assert len(found.scores) == len(found.labels) == 0
    # Scores that pass, masks that are empty: nothing either.
    loud = DenseOutputs([c + 12 for c in outputs.category], outputs.kernel, outputs.mask_features)
    assert len(detect(loud, [(64, 60)], [(100, 90)], InferenceSettings(), 10)[0].scores) == 0


def test_batches_are_padded_at_the_right_and_below(network: SOLOv2) -> None:
    small, large = torch.full((3, 20, 33), 255, dtype=torch.uint8), torch.zeros(3, 40, 10, dtype=torch.uint8)
    batch = network.batch([small, large])
    assert batch.shape == (2, 3, 64, 64) and padded_size([(20, 33), (40, 10)]) == (64, 64)
    assert torch.equal(batch[0, :, :20, :33], network.backbone.normalise(small))
    assert batch[0, :, 20:].abs().max() == batch[0, :, :, 33:].abs().max() == batch[1, :, 40:].abs().max() == 0
    alone = network.batch([small, small])
    assert torch.equal(alone[1, :, :20, :33], batch[0, :, :20, :33]) and alone.shape == (2, 3, 32, 64)


def test_learns_two_objects_by_heart(network: SOLOv2) -> None:
    image = torch.full((3, 64, 64), 60, dtype=torch.uint8)
    image[0, 6:28, 6:28] = 220
    image[2, 34:60, 30:58] = 220
    instances = [_objects((6, 6, 28, 28), (30, 34, 58, 60))]
    batch = network.batch([image]).repeat(2, 1, 1, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(80):
        losses = solov2_loss(network(batch), instances * 2, SETTINGS, (64, 64))
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    with torch.no_grad():
        found = detect(network(batch), [(64, 64)] * 2, [(128, 128)] * 2, InferenceSettings(), 2)[0]
    assert sorted(found.labels.tolist()) == [0, 1]
    truth = instances[0].masks.repeat_interleave(2, 1).repeat_interleave(2, 2).bool()
    for label, mask in zip(found.labels.tolist(), found.masks, strict=True):
        assert (mask & truth[label]).sum() / (mask | truth[label]).sum() > 0.7
