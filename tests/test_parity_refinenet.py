"""The refiner against the published implementation: network, crops, heat maps, loss (reference vectors)."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_vectors import assert_close, published_state, unpack

from wssis.config.network import BackboneSettings, RefineNetSettings
from wssis.geometry.crops import cut_image, cut_rough, to_crop
from wssis.geometry.heatmaps import gaussian_maps
from wssis.geometry.windows import mask_window
from wssis.models.backbones import IMAGENET_MEAN, IMAGENET_STD
from wssis.models.refinenet.import_names import import_refiner
from wssis.models.refinenet.inputs import refiner_input
from wssis.models.refinenet.loss import refiner_loss
from wssis.models.refinenet.network import MaskRefineNet

PUBLISHED = RefineNetSettings(backbone=BackboneSettings(name="resnet101", norm="batch"), stem="random")


def _normalise(images: torch.Tensor) -> torch.Tensor:
    return (images.float() - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)


@pytest.fixture(scope="module")
def network(golden: Path) -> tuple[MaskRefineNet, Mapping[str, np.ndarray]]:
    description = json.loads((golden / "maskrefinenet_a.json").read_text())
    net = MaskRefineNet(PUBLISHED, description["num_classes"])
    net.load_state_dict(import_refiner(published_state(golden, "maskrefinenet_a"), description["num_classes"]))
    return net.eval(), np.load(golden / "maskrefinenet_a.npz")


def test_every_published_tensor_has_a_place(network: tuple[MaskRefineNet, Mapping[str, np.ndarray]]) -> None:
    assert network[0].backbone.body.conv1.weight.shape == (64, 3 + 7 + 1, 7, 7)


def test_network(network: tuple[MaskRefineNet, Mapping[str, np.ndarray]]) -> None:
    net, vectors = network
    images = torch.from_numpy(vectors["image_rgb"]).permute(0, 3, 1, 2)
    points = torch.from_numpy(vectors["points_xy"]).float()
    labels = torch.from_numpy(vectors["labels_zero_based"])
    x = net.input(images, torch.from_numpy(vectors["rough"]), points, labels, torch.zeros(len(points), 0, 2))
    assert torch.equal(x[:, 3:10].amax(dim=(2, 3)).argmax(dim=1), labels)
    with torch.inference_mode():
        assert_close(net(x), vectors["logits"])


def test_heat_maps(golden: Path) -> None:
    vectors = np.load(golden / "maskrefinenet_a.npz")
    ours = gaussian_maps(torch.from_numpy(vectors["points_xy"]).float(), 96, sigma=6.0, radius=19)
    assert_close(ours, vectors["heatmap"])


@pytest.fixture(scope="module")
def crops(golden: Path) -> dict[str, np.ndarray]:
    vectors = dict(np.load(golden / "crops.npz"))
    width = int(vectors["shape"][2])
    vectors["masks"] = unpack(vectors["masks"], width)
    return vectors


def _window(mask: np.ndarray, point: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(mask)
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return mask_window(box, (point[0], point[1]), 2.0, *mask.shape)


@pytest.mark.parametrize("case", range(7))
def test_crop_inputs(crops: dict[str, np.ndarray], case: int) -> None:
    mask, point = crops["masks"][case], crops["points_yx"][case][::-1]
    window = _window(mask, point)
    assert (np.array(window) - (0, 0, 1, 1)).tolist() == crops["windows_xyxy_inclusive"][case].tolist()
    x = refiner_input(
        cut_image(crops["image_rgb"], window, 64)[None],
        torch.from_numpy(cut_rough(mask, window, 64))[None],
        torch.from_numpy(to_crop(point[None], window, 64)),
        torch.from_numpy(crops["classes"][case : case + 1]),
        torch.zeros(1, 0, 2),
        5,
        PUBLISHED,
        _normalise,
    )
    without_extra_class = np.delete(crops["inputs"][case], 3, axis=0)
    assert_close(x[0], without_extra_class)


def test_loss(golden: Path) -> None:
    vectors = np.load(golden / "refiner_loss.npz")
    logits, target = torch.from_numpy(vectors["logits"]), torch.from_numpy(vectors["target"])
    assert_close(refiner_loss(logits, target, "columns"), vectors["loss"])
