"""The segmentor against the published implementation (reference vectors): network, targets, losses, inference, NMS."""

from pathlib import Path

import numpy as np
import pytest
import torch
from reference_vectors import Case, assert_close, assert_same_masks, load_case, published_state, unpack

from wssis.config.training import InferenceSettings
from wssis.models.import_weights import check_names, rename_solov2, solov2_settings
from wssis.models.point_guidance import Guidance, point_guided
from wssis.models.point_published import published_filter
from wssis.models.point_records import PointProposals
from wssis.models.solov2.inference import cell_masks, cell_strides, detect, flat_kernels, full_size_masks
from wssis.models.solov2.instances import Instances, mass_centres
from wssis.models.solov2.loss import solov2_loss
from wssis.models.solov2.network import SOLOv2
from wssis.models.solov2.nms import mask_nms, matrix_nms, pairwise_iou, point_nms
from wssis.models.solov2.targets import Targets, build_targets


@pytest.fixture(scope="module", params=["solov2_a", "solov2_b", "solov2_batch"])
def case(request: pytest.FixtureRequest, golden: Path) -> Case:
    return load_case(golden, request.param)


@pytest.fixture(scope="module")
def network(case: Case, golden: Path) -> SOLOv2:
    state = rename_solov2(published_state(golden, case.name))
    settings, classes = solov2_settings(state, case.settings.grids, case.settings.scale_ranges)
    assert (settings.instance_channels, settings.kernel_channels) == (
        case.settings.instance_channels,
        case.settings.kernel_channels,
    )
    model = SOLOv2(settings, classes)
    check_names(state, model.state_dict(), case.name)
    model.load_state_dict(state, strict=False)
    return model.eval()


def test_network(case: Case, network: SOLOv2) -> None:
    with torch.no_grad():
        batch = network.batch([case.image(i) for i in range(len(case.sizes))])
        outputs = network(batch)
    assert tuple(batch.shape[-2:]) == case.padded == outputs.padded_size
    for level in range(5):
        lead = slice(None) if len(case.suffixes) > 1 else 0
        assert_close(outputs.category[level][lead], case.arrays[f"cate_{level}"])
        assert_close(outputs.kernel[level][lead], case.arrays[f"kernel_{level}"])
    assert_close(outputs.mask_features[lead], case.arrays["mask_features"])


def test_pyramid(case: Case, network: SOLOv2) -> None:
    if "fpn_p2" not in case.arrays:
        pytest.skip("this file has no pyramid features")
    with torch.no_grad():
        pyramid = network.fpn(network.backbone(network.batch([case.image(0)])))
    for level, feature in enumerate(pyramid, start=2):
        assert_close(feature[0], case.arrays[f"fpn_p{level}"])


def _targets(case: Case) -> Targets:
    instances = [case.instances(i) for i in range(len(case.sizes))]
    return build_targets(instances, case.settings, case.classes, case.padded)


def test_targets_are_exact(case: Case) -> None:
    targets = _targets(case)
    start = 0
    for level, grid in enumerate(case.settings.grids):
        end = start + grid * grid
        for image, suffix in enumerate(case.suffixes):
            chosen = (targets.image == image) & (targets.cell >= start) & (targets.cell < end)
            category = targets.category[image, start:end].view(grid, grid)
            masks = case.arrays[f"target_masks{suffix}_{level}"]
            masks = unpack(masks, case.padded[1] // 4) if suffix else masks
            assert np.array_equal(category, case.arrays[f"target_category{suffix}_{level}"])
            assert np.array_equal(targets.cell[chosen] - start, case.arrays[f"target_cells{suffix}_{level}"])
            assert np.array_equal(targets.masks[targets.instance[chosen]], masks)
        start = end


def test_losses(case: Case) -> None:
    instances = [case.instances(i) for i in range(len(case.sizes))]
    losses = solov2_loss(case.outputs, instances, case.settings, case.padded)
    assert_close(losses["dice"], case.arrays["loss_dice_x3"])
    assert_close(losses["focal"], case.arrays["loss_focal"])


def test_prompt_free_inference(case: Case) -> None:
    found = detect(case.outputs, case.sizes, case.originals, InferenceSettings(), 100)
    for suffix, one in zip(case.suffixes, found, strict=True):
        assert_close(one.scores, case.arrays[f"none_matrix_scores{suffix}"])
        assert np.array_equal(one.labels, case.arrays[f"none_matrix_classes{suffix}"])
        packed = case.arrays[f"none_matrix_masks{suffix}"]
        assert_same_masks(one.masks[: len(packed)], packed)


def _guided(case: Case, network: SOLOv2, image: int, filter: str) -> tuple[PointProposals, Instances]:
    """Point guidance at the centres of mass, each image alone in its own padding."""
    instances = case.instances(image)
    centres, _ = mass_centres(instances.masks)
    with torch.no_grad():
        outputs = network(network.batch([case.image(image)])) if len(case.suffixes) > 1 else case.outputs
    sizes = case.sizes[image], case.originals[image]
    return point_guided(outputs, centres, instances.labels, *sizes, Guidance(filter)), instances


def test_point_guidance_with_the_published_filter(case: Case, network: SOLOv2) -> None:
    for image, suffix in enumerate(case.suffixes):
        found, instances = _guided(case, network, image, "published")
        assert_close(found.score, case.arrays[f"point_mask_scores{suffix}"])
        assert np.array_equal(instances.labels[found.index], case.arrays[f"point_mask_classes{suffix}"])
        assert_same_masks(found.masks, case.arrays[f"point_mask_masks{suffix}"])
        height, width = case.sizes[image]
        units = (instances.points[found.index] / torch.tensor([width, height]) * 1e4).trunc().flip(1)
        assert np.array_equal(units, case.arrays[f"point_mask_points_yx_1e4{suffix}"])
        assert len(found.fate) == len(instances) and found.fate.count("kept") == len(found.index)


def test_our_filter_loses_no_point(case: Case, network: SOLOv2) -> None:
    for image in range(len(case.suffixes)):
        found, instances = _guided(case, network, image, "ours")
        assert found.index.tolist() == list(range(len(instances)))
        assert len(found.masks) == len(found.score) == len(found.fate) == len(instances)
        torch.testing.assert_close(found.score, found.maskness * found.category_score)


def test_published_filter_on_every_positive_cell(case: Case) -> None:
    if "point_with_size_mask_scores" not in case.arrays:
        pytest.skip("this file has no such inference")
    targets, outputs, instances = _targets(case), case.outputs, case.instances(0)
    labels, kernels = instances.labels[targets.instance], flat_kernels(outputs)[0]
    # The published code walks through the levels, finest first.
    order = targets.cell.argsort(stable=True)
    last = {int(cell): i for i, cell in enumerate(targets.cell.tolist())}
    order = torch.tensor([i for i in order.tolist() if last[int(targets.cell[i])] == i])
    cells = targets.cell[order]
    found = cell_masks(kernels[cells], outputs.mask_features[0], 0.5)
    _, kept = published_filter(found, labels[order], cell_strides(outputs)[cells], 0.5)
    assert_close(found.maskness[kept], case.arrays["point_with_size_mask_scores"])
    assert np.array_equal(labels[order][kept], case.arrays["point_with_size_mask_classes"])
    masks = full_size_masks(kernels[cells[kept]], outputs.mask_features[0], case.sizes[0], case.originals[0], 0.5)
    assert_same_masks(masks, case.arrays["point_with_size_mask_masks"])


def test_suppression(golden: Path) -> None:
    arrays = np.load(golden / "nms.npz")
    iou = pairwise_iou(torch.from_numpy(unpack(arrays["masks"], int(arrays["shape"][-1]))).bool())
    labels, scores = torch.from_numpy(arrays["classes"]), torch.from_numpy(arrays["scores"])
    assert_close(matrix_nms(iou, labels, scores), arrays["matrix_gaussian"])
    assert_close(matrix_nms(iou, labels, scores, kernel="linear"), arrays["matrix_linear"])
    assert np.array_equal(mask_nms(iou, labels, 0.5), arrays["mask_keep"])
    assert np.array_equal(point_nms(torch.from_numpy(arrays["point_nms_in"])), arrays["point_nms_out"])
