"""How Implicit PointRend's point heads begin: as one ordinary network, or, as published, next to nothing."""

import json
from pathlib import Path

import pytest
import torch
from box_fixtures import NETWORK

from wssis.config.maskrcnn import BoxStudentSettings
from wssis.engine.box_predictor import load_box_segmentor
from wssis.engine.box_task import box_metadata
from wssis.formats.checkpoint import save_model
from wssis.models.maskrcnn.implicit_masks import _Masks
from wssis.models.maskrcnn.network import MaskRCNN
from wssis.models.maskrcnn.point_head import PointHeadShape, common_parameters, point_head, split_parameters

KIND = "implicit-pointrend"
BOXES = [torch.tensor([[8.0, 8.0, 40.0, 40.0], [20.0, 4.0, 60.0, 60.0]])]
PLACES = torch.rand(2, 200, 2, generator=torch.Generator().manual_seed(2))
P2 = torch.randn(1, NETWORK.fpn_channels, 16, 16, generator=torch.Generator().manual_seed(1))


def _branch(start: str) -> torch.nn.Module:
    torch.manual_seed(0)
    network = NETWORK.model_copy(update={"kind": KIND, "point_head": start})
    return MaskRCNN(network, 2).masks


def _logits(branch: torch.nn.Module, finest: torch.Tensor) -> torch.Tensor:
    """Logits (2, 200) of two masks whose parameters come of an even pyramid."""
    pyramid = [torch.ones(1, NETWORK.fpn_channels, 16 >> level, 16 >> level) for level in range(4)]
    return _Masks(branch, finest, BOXES, torch.tensor([0, 1]), branch(pyramid, BOXES)).at(PLACES)


@pytest.mark.parametrize("classes", [1, 80])
@pytest.mark.parametrize("hidden", [4, 16, 256])
def test_a_common_start_keeps_the_size_of_what_comes_in(hidden: int, classes: int) -> None:
    """He et al. (2015): the mean square stays near 2 from layer to layer, be they narrow or wide."""
    torch.manual_seed(0)
    shape = PointHeadShape(32, hidden, classes, 64)
    drawn = torch.stack([common_parameters(shape) for _ in range(500)])
    assert drawn.shape == (500, shape.parameters)
    weights, biases = split_parameters(drawn, shape)
    assert all(not bias.any() for bias in biases)
    logits = point_head(torch.randn(500, 96, 3), weights, biases)
    assert 1.0 < float(logits.square().mean()) < 4.0


@torch.no_grad()
def test_normalised_heads_begin_with_masks_that_vary_from_place_to_place() -> None:
    assert _logits(_branch("normalised"), P2).std(-1).min() > 0.1
    assert _logits(_branch("published"), P2).std(-1).max() < 1e-4


@torch.no_grad()
def test_the_size_of_features_matters_to_published_heads_alone() -> None:
    normalised, published = _branch("normalised"), _branch("published")
    torch.testing.assert_close(_logits(normalised, 10 * P2), _logits(normalised, P2), rtol=1e-3, atol=1e-4)
    places = _logits(published, torch.zeros_like(P2))
    own, larger = (_logits(published, size * P2) - places for size in (1, 10))
    assert larger.norm() > 3 * own.norm() > 0


def test_published_heads_begin_next_to_nothing() -> None:
    assert not _branch("published").predictor.bias.any()
    assert _branch("published").predictor.weight.std().item() == pytest.approx(0.001, rel=0.05)


def test_the_own_part_of_a_head_survives_bfloat16() -> None:
    branch, boxes = _branch("normalised"), [BOXES[0]]
    pyramid = [torch.randn(1, NETWORK.fpn_channels, 16 >> level, 16 >> level) for level in range(4)]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        rounded = branch(pyramid, boxes) - branch.predictor.bias
    own = branch(pyramid, boxes).detach() - branch.predictor.bias.detach()
    assert (rounded - own).norm() < 0.02 * own.norm()


def test_checkpoints_from_before_the_choice_are_published_ones(tmp_path: Path) -> None:
    torch.manual_seed(0)
    settings = BoxStudentSettings(network=NETWORK.model_copy(update={"kind": KIND, "point_head": "published"}))
    network = MaskRCNN(settings.network, 1)
    metadata = box_metadata(settings, [{"id": 1, "name": "ring"}])
    told = json.loads(metadata["network"])
    del told["point_head"]
    path = tmp_path / "old.safetensors"
    save_model(path, network.state_dict(), metadata | {"network": json.dumps(told), "step": "1"})
    read = load_box_segmentor(path, torch.device("cpu")).model
    assert read.settings.point_head == "published" and read.masks.norm is None
