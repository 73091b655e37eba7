"""The references that the benchmarks measure against give the same numbers as ours, and pass the reference vectors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from reference_vectors import Case, assert_close, assert_same_masks, load_case, unpack

from benchmarks import point_training
from benchmarks.crop_reading import network_input
from benchmarks.crop_scenes import CLASSES, HEIGHT, WIDTH, crop_scene
from benchmarks.references.crop_tensors import float_batch
from benchmarks.references.point_guidance import guided
from benchmarks.references.point_losses import point_losses_by_loops
from benchmarks.references.refining import refined_one_by_one
from benchmarks.references.segmentor_loss import image_targets, loss_by_loops
from benchmarks.refining import check_nearly_same, refined_in_batches
from benchmarks.scenes import ellipses, random_outputs
from wssis.config.network import BackboneSettings, RefineNetSettings, SOLOv2Settings
from wssis.engine.crop_data import CropDataset, collate, sample_of
from wssis.models.point_guidance import point_guided
from wssis.models.refinenet.network import MaskRefineNet
from wssis.models.solov2.instances import mass_centres
from wssis.models.solov2.loss import solov2_loss

SETTINGS = SOLOv2Settings(kernel_channels=16)
SIZE = (128, 192)


@pytest.fixture(scope="module", params=["solov2_a", "solov2_b", "solov2_batch"])
def case(request: pytest.FixtureRequest, golden: Path) -> Case:
    return load_case(golden, request.param)


def test_looped_targets_are_exact(case: Case) -> None:
    for image, suffix in enumerate(case.suffixes):
        levels = image_targets(case.instances(image), case.settings, case.classes, case.padded)
        for level, found in enumerate(levels):
            masks = case.arrays[f"target_masks{suffix}_{level}"]
            masks = unpack(masks, case.padded[1] // 4) if suffix else masks
            assert np.array_equal(found.category, case.arrays[f"target_category{suffix}_{level}"])
            assert found.cells == case.arrays[f"target_cells{suffix}_{level}"].tolist()
            assert np.array_equal(found.masks, masks)


def test_looped_losses(case: Case) -> None:
    instances = [case.instances(i) for i in range(len(case.sizes))]
    losses = loss_by_loops(case.outputs, instances, case.settings, case.padded)
    assert_close(losses["dice"], case.arrays["loss_dice_x3"])
    assert_close(losses["focal"], case.arrays["loss_focal"])


@pytest.mark.parametrize("name", ["solov2_a", "solov2_b"])
def test_looped_point_guidance_with_the_published_filter(golden: Path, name: str) -> None:
    case = load_case(golden, name)
    instances = case.instances(0)
    points, _ = mass_centres(instances.masks)
    found = guided(case.outputs, points, instances.labels, case.sizes[0], case.originals[0], "published")
    assert_close(found.maskness, case.arrays["point_mask_scores"])
    assert np.array_equal(instances.labels[found.index], case.arrays["point_mask_classes"])
    assert_same_masks(found.masks, case.arrays["point_mask_masks"])


@pytest.mark.parametrize("count", [1, 12])
def test_looped_losses_and_gradients_are_ours(count: int) -> None:
    outputs = random_outputs(SETTINGS, SIZE, torch.device("cpu"))
    leaves = [tensor.requires_grad_() for tensor in (*outputs.category, *outputs.kernel, outputs.mask_features)]
    instances = [ellipses(count, SIZE, seed=3)]
    gradients = []
    for loss in (solov2_loss, loss_by_loops):
        losses = loss(outputs, instances, SETTINGS, SIZE)
        gradients.append(
            [*losses.values(), *torch.autograd.grad(losses["dice"] + losses["focal"], leaves, materialize_grads=True)]
        )
    for ours, reference in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("original", [SIZE, (100, 150)])
def test_looped_point_guidance_is_ours(original: tuple[int, int]) -> None:
    outputs, objects = random_outputs(SETTINGS, SIZE, torch.device("cpu")), ellipses(9, SIZE, seed=5)
    ours = point_guided(outputs, objects.points, objects.labels, SIZE, original)
    reference = guided(outputs, objects.points, objects.labels, SIZE, original)
    assert torch.equal(ours.level, reference.level) and ours.masks.any()
    torch.testing.assert_close(ours.score, reference.maskness * reference.category_score)
    assert (ours.masks != reference.masks).float().mean() < 1e-4


def test_looped_point_guidance_passes_over_empty_levels() -> None:
    outputs = random_outputs(SETTINGS, SIZE, torch.device("cpu"))
    objects = ellipses(6, SIZE, seed=5)
    for level in (0, 2, 4):
        outputs.kernel[level].zero_()
        outputs.category[level] += 9
    ours = point_guided(outputs, objects.points, objects.labels, SIZE, SIZE)
    reference = guided(outputs, objects.points, objects.labels, SIZE, SIZE)
    assert ours.fallback.all() and torch.equal(ours.level, reference.level)
    assert (ours.masks != reference.masks).float().mean() < 1e-4


def test_tensors_made_anew_are_those_from_the_store(tmp_path: Path) -> None:
    scene = crop_scene(tmp_path, images=2, objects=3)
    dataset = CropDataset(scene.store, None)
    ours = collate([dataset[index, 0] for index in range(len(dataset))])
    paths = [tmp_path / scene.rows[crop.image_id].file_name for crop in scene.crops]
    reference, target = float_batch(scene.crops, paths, CLASSES, 256)
    assert reference.shape == (6, 85, 256, 256) and torch.equal(ours.target, target)
    # The published extra class channel is left out; the store rounds colours to whole numbers.
    x = network_input(ours)
    torch.testing.assert_close(x[:, 3:], torch.cat([reference[:, 4:84], reference[:, 84:]], 1))
    assert (x[:, :3] - reference[:, :3]).abs().max() < 0.01


def test_refining_one_by_one_gives_the_same_masks(tmp_path: Path) -> None:
    scene = crop_scene(tmp_path, images=1, objects=5, size=64)
    settings = RefineNetSettings(
        backbone=BackboneSettings(name="resnet18", norm="batch"), aspp_channels=16, decoder_channels=(16, 16, 8, 8),
        rough_prior=10.0,
    )  # fmt: skip
    network = MaskRefineNet(settings, CLASSES).eval()
    samples = [sample_of(scene.store, i, scene.store.record(i)) for i in range(len(scene.store))]
    windows = [crop.window for crop in scene.crops]
    ours = refined_in_batches(network, scene, torch.device("cpu"))
    reference = refined_one_by_one(network, samples, windows, HEIGHT, WIDTH)
    assert len(ours) == 5 and any(one["counts"] != ours[0]["counts"] for one in ours)
    check_nearly_same(ours, reference)


def test_looped_point_losses_and_their_gradients() -> None:
    logits, matched, pointed, masked = point_training.head(torch.device("cpu"))
    ours = point_training._at_points(logits, matched, pointed)
    theirs = point_losses_by_loops(logits, matched, pointed)
    assert ours.min() > 0 and len(ours) == point_training.PROPOSALS
    torch.testing.assert_close(ours, theirs)
    point_training._same(*(torch.autograd.grad(each.sum(), logits)[0] for each in (ours, theirs)))
    nothing = point_training._at_points(logits, matched, masked)
    assert not nothing.any(), "objects with masks have no points to learn from"
