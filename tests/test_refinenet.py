"""The small refiner: shapes, stem, losses, and the same input tensor in training and inference."""

import numpy as np
import pytest
import torch
from crop_fixtures import CATEGORIES, write_random_store

from wssis.config.mask_stages import CropAugmentationSettings
from wssis.config.network import BackboneSettings, RefineNetSettings
from wssis.engine.crop_data import CropBatch, CropDataset, collate
from wssis.engine.refining import _batch, mirrored
from wssis.formats.crop_store import CropStore
from wssis.geometry.crop_changes import deform_soft_masks
from wssis.models.refinenet.inputs import trained_target
from wssis.models.refinenet.loss import refiner_loss
from wssis.models.refinenet.network import MaskRefineNet

STILL = CropAugmentationSettings(zoom=(1, 1), aspect=0, shift=0, rotate=0, flip=0, jitter=0, rough_noise=0)
TINY = RefineNetSettings(
    backbone=BackboneSettings(name="resnet18", norm="batch"), aspp_channels=8, decoder_channels=(8, 8, 8, 8)
)


@pytest.fixture(scope="module")
def net() -> MaskRefineNet:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    return MaskRefineNet(TINY, len(CATEGORIES)).eval()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> CropStore:
    return CropStore(write_random_store(tmp_path_factory.mktemp("store") / "full.zarr", count=6))


def _input(net: MaskRefineNet, batch: CropBatch) -> torch.Tensor:
    return net.input(batch.images, batch.rough, batch.points, batch.labels, batch.others)


def _trained_on(store: CropStore, augmentation: CropAugmentationSettings) -> CropBatch:
    dataset = CropDataset(store, augmentation)
    return collate([dataset[index, 11 + index] for index in range(len(store))]).changed()


def _refined(store: CropStore) -> CropBatch:
    return _batch(store, range(len(store)), 0, store.records(0, len(store)))


def test_training_and_inference_see_the_same_tensor(net: MaskRefineNet, store: CropStore) -> None:
    assert torch.equal(_input(net, _trained_on(store, STILL)), _input(net, _refined(store)))


def test_flipped_training_crop_is_the_mirrored_inference_crop(net: MaskRefineNet, store: CropStore) -> None:
    flipped = _input(net, _trained_on(store, STILL.model_copy(update={"flip": 1.0})))
    crops = mirrored(_refined(store), store, range(len(store)))
    torch.testing.assert_close(flipped, _input(net, crops), atol=2e-3, rtol=0)


def test_drawn_heat_map_is_the_stored_one(net: MaskRefineNet, store: CropStore) -> None:
    import zarr

    stored = zarr.open_group(store.path, mode="r")["heatmap"][...] / 255
    batch = _refined(store)
    drawn = _input(net, batch)[torch.arange(len(store)), 3 + batch.labels]
    assert np.abs(drawn.numpy() - stored).max() <= 1 / 255


def test_each_class_lights_its_own_channel(net: MaskRefineNet, store: CropStore) -> None:
    batch = _refined(store)
    lit = _input(net, batch)[:, 3 : 3 + len(CATEGORIES)].amax(dim=(2, 3)) > 0
    assert torch.equal(lit.int().argmax(dim=1), batch.labels) and torch.equal(lit.sum(dim=1), torch.ones(6).long())


@pytest.mark.parametrize(
    ("inputs", "points", "rough"), [("all", 1, 1), ("rough", 0, 1), ("points", 1, 0), ("image", 0, 0)]
)
def test_inputs_that_an_ablation_leaves_out_are_empty(store: CropStore, inputs: str, points: int, rough: int) -> None:
    settings = TINY.model_copy(update={"inputs": inputs, "neighbours": True, "guide": True})
    net, batch = MaskRefineNet(settings, len(CATEGORIES)).eval(), _refined(store)
    shown = _input(net, batch)
    whole = _input(MaskRefineNet(settings.model_copy(update={"inputs": "all"}), len(CATEGORIES)).eval(), batch)
    assert torch.equal(shown[:, :3], whole[:, :3]) and shown.shape == whole.shape
    assert torch.equal(shown[:, 3:6], whole[:, 3:6] * points) and torch.equal(shown[:, 6], whole[:, 6] * rough)
    assert whole[:, 3:5].amax() > 0 < whole[:, 5].amax() and whole[:, 6].amax() > 0
    assert net(shown).shape == (len(store), 2, 64, 64)


def test_published_class_channel_is_off_by_one_between_training_and_inference(store: CropStore) -> None:
    net = MaskRefineNet(TINY.model_copy(update={"class_channel": "published"}), len(CATEGORIES)).eval()
    batch = _refined(store)
    crops = (batch.images, batch.rough, batch.points, batch.labels, batch.others)
    maps = (net.input(*crops, training=training)[:, 3:6] for training in (True, False))
    trained, inferred = (one.amax(dim=(2, 3)) > 0 for one in maps)
    assert batch.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert trained.int().tolist() == [[0, 0, 0], [0, 1, 0]] * 3, "the first class trains on an empty map"
    assert inferred.int().tolist() == [[0, 1, 0], [0, 0, 1]] * 3
    target = trained_target(torch.ones(6, 4, 4), batch.labels, net.settings)
    assert target.amax(dim=(1, 2)).tolist() == [0, 1] * 3, "and on an empty target"
    assert torch.equal(trained_target(torch.ones(6, 4, 4), batch.labels, TINY), torch.ones(6, 4, 4))


def test_moved_point_stays_on_its_pixel(store: CropStore) -> None:
    """A bright dot at the point is still under the point after zoom, shift and flip."""
    settings = CropAugmentationSettings(zoom=(0.8, 1.3), aspect=0.2, shift=0.1, flip=0.5, jitter=0, rough_noise=0)
    dataset = CropDataset(store, settings)
    for seed in range(20):
        sample = dataset[seed % 6, seed]
        centre = torch.from_numpy(sample.point) + torch.from_numpy(_half_pixel(store, seed % 6, sample.change.matrix))
        before = torch.from_numpy(store.table.point[seed % 6]) + torch.from_numpy(_half_pixel(store, seed % 6, None))
        moved = torch.from_numpy(sample.change.matrix)
        torch.testing.assert_close(moved[:, :2] @ before.double() + moved[:, 2], centre.double(), atol=1e-4, rtol=0)
        assert (centre > 0).all() and (centre < store.layout.size).all()


def _half_pixel(store: CropStore, index: int, matrix: np.ndarray | None) -> np.ndarray:
    from wssis.engine.crop_data import pixel_scale

    half = pixel_scale(store.table.window[index], store.layout.size) / 2
    return half if matrix is None else half * np.linalg.norm(matrix[:, :2], axis=0)


def test_same_seed_same_sample(store: CropStore) -> None:
    settings = CropAugmentationSettings(rough_noise=1.0)
    a, b = _trained_on(store, settings), _trained_on(store, settings)
    assert torch.equal(a.images, b.images) and torch.equal(a.rough, b.rough) and torch.equal(a.points, b.points)
    assert set(a.rough.unique().tolist()) <= {0.0, 1.0} and set(a.target.unique().tolist()) <= {0.0, 1.0}


def test_extended_stem_keeps_colour_filters() -> None:
    torch.manual_seed(0)
    kept = MaskRefineNet(TINY, 2)
    torch.manual_seed(0)
    plain = MaskRefineNet(TINY.model_copy(update={"neighbours": True, "point_maps": "shared"}), 2)
    assert kept.backbone.body.conv1.weight.shape[1] == 3 + 2 + 1
    assert plain.backbone.body.conv1.weight.shape[1] == 3 + 1 + 1 + 1
    assert torch.equal(kept.backbone.body.conv1.weight[:, :3], plain.backbone.body.conv1.weight[:, :3])


def test_output_has_the_size_of_the_crop(net: MaskRefineNet) -> None:
    assert net(torch.zeros(1, 3 + 2 + 1, 64, 96)).shape == (1, 2, 64, 96)


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_guided_decoder_reacts_to_point_and_rough_mask(store: CropStore, norm: str) -> None:
    torch.manual_seed(0)
    net = MaskRefineNet(TINY.model_copy(update={"guide": True, "neighbours": True, "norm": norm}), 2).eval()
    x = _input(net, _refined(store)).requires_grad_()
    torch.nn.init.normal_(net.head.weight)
    net(x)[:, 1].sum().backward()
    assert x.shape[1] == 3 + 2 + 1 + 1 and (x.grad.abs().amax(dim=(0, 2, 3)) > 0).all()


def test_rough_prior_says_the_rough_mask_at_the_start(store: CropStore) -> None:
    net = MaskRefineNet(TINY.model_copy(update={"rough_prior": 4.0}), 2).eval()
    batch = _refined(store)
    assert torch.equal(net(_input(net, batch)).argmax(dim=1), batch.rough.long())


@pytest.mark.parametrize("dice", ["pixels", "columns"])
def test_loss_of_right_wrong_and_empty(dice: str) -> None:
    target = torch.zeros(2, 4, 4)
    target[0, 1:3, 1:3] = 1
    right = 50 * torch.stack([1 - 2 * target, 2 * target - 1], dim=1)
    assert refiner_loss(-right, target, dice) > 0.99
    assert refiner_loss(right, target, "pixels") < 1e-4
    assert torch.isfinite(refiner_loss(right, torch.zeros(2, 4, 4), dice))


def test_loss_trains_every_weight(store: CropStore) -> None:
    net = MaskRefineNet(TINY, 2).train()
    batch = _trained_on(store, CropAugmentationSettings())
    refiner_loss(net(_input(net, batch)), batch.target).backward()
    assert all(parameter.grad is not None for parameter in net.parameters() if parameter.requires_grad)


def test_soft_masks_are_deformed_near_their_border_and_stay_soft() -> None:
    masks = torch.zeros(2, 48, 48)
    masks[:, 10:30, 10:30] = 0.8
    still = deform_soft_masks(masks, torch.zeros(2, 6, 6))
    assert still[0, 20, 20] == pytest.approx(0.8) and still[0, 0, 0] == 0 and 0 < still[0, 10, 20] < 0.8
    grown, shrunk = (deform_soft_masks(masks, torch.full((2, 6, 6), bump)) for bump in (0.5, -0.5))
    assert grown.max() <= 1 and shrunk.min() >= 0
    assert grown.sum() > still.sum() > shrunk.sum() and not grown[:, :4].any(), "no islands far away"
