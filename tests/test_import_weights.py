"""import-weights: released checkpoints, whole, by every kind of file; and what it refuses."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_vectors import published_state

from wssis.config.importing import ImportWeightsSettings
from wssis.config.network import SOLOv2Settings
from wssis.errors import InputError
from wssis.formats.checkpoint import load_model
from wssis.models.import_weights import resnet_name, solov2_name
from wssis.stages.import_weights import run

SETTINGS = ImportWeightsSettings(grids=(20, 16, 12, 8, 4))


@pytest.fixture(scope="module")
def state(golden: Path) -> dict[str, torch.Tensor]:
    return published_state(golden, "solov2_a")


@pytest.fixture
def released(state: dict[str, torch.Tensor], tmp_path: Path) -> Path:
    path = tmp_path / "model_final.pth"
    torch.save({"model": {**state, "pixel_mean": torch.zeros(3, 1, 1)}, "iteration": 270000}, path)
    return path


def test_released_segmentor_becomes_a_checkpoint(
    released: Path, state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    out = tmp_path / "teacher.safetensors"
    run(SETTINGS, released, out)
    tensors, metadata = load_model(out)
    network = SOLOv2Settings.model_validate_json(metadata["network"])
    assert (network.backbone.name, network.backbone.style) == ("resnet50", "msra")
    assert (network.instance_channels, network.instance_convs, network.grids) == (64, 4, SETTINGS.grids)
    assert [c["id"] for c in json.loads(metadata["categories"])] == list(range(1, 8))
    assert torch.equal(tensors["backbone.body.conv1.weight"], state["backbone.bottom_up.stem.conv1.weight"])
    assert torch.equal(tensors["mask_head.levels.3.2.1.bias"], state["mask_head.convs_all_levels.3.conv2.1.bias"])


def test_npz_says_the_same(released: Path, state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    np.savez(tmp_path / "released.npz", **{name: tensor.numpy() for name, tensor in state.items()})
    for source, out in ((released, "a"), (tmp_path / "released.npz", "b")):
        run(SETTINGS, source, tmp_path / f"{out}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_categories_of_the_data_set(released: Path, tmp_path: Path) -> None:
    categories = [{"id": 10 * i, "name": f"c{i}"} for i in range(7, 0, -1)]
    annotations = tmp_path / "train.json"
    annotations.write_text(json.dumps({"images": [], "annotations": [], "categories": categories}))
    run(SETTINGS, released, tmp_path / "out.safetensors", annotations)
    known = json.loads(load_model(tmp_path / "out.safetensors")[1]["categories"])
    assert [c["name"] for c in known] == [f"c{i}" for i in range(1, 8)]
    annotations.write_text(json.dumps({"images": [], "annotations": [], "categories": categories[:2]}))
    with pytest.raises(InputError, match="2 categories, but the checkpoint has 7"):
        run(SETTINGS, released, tmp_path / "out.safetensors", annotations)


def test_tensors_without_a_place_are_named(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    broken = dict(state)
    broken["ins_head.surprise.weight"] = torch.zeros(1)
    del broken["mask_head.conv_pred.1.bias"]
    broken["backbone.fpn_output3.bias"] = torch.zeros(3)
    torch.save(broken, tmp_path / "broken.pth")
    with pytest.raises(InputError) as caught:
        run(SETTINGS, tmp_path / "broken.pth", tmp_path / "out.safetensors")
    for name in ("ins_head.surprise.weight", "mask_head.output.1.bias", "fpn.output.1.bias (3,) for (256,)"):
        assert name in str(caught.value)
    assert not (tmp_path / "out.safetensors").exists()


def test_a_pickle_with_code_is_not_run(tmp_path: Path) -> None:
    torch.save({"model": Path("harmless")}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match="without running code") as caught:
        run(SETTINGS, tmp_path / "evil.pth", tmp_path / "out.safetensors")
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.npz", "b.npz", "c.npz", "d.pth", "e.pth", "f.safetensors", "g.safetensors"])
def test_damaged_files(tmp_path: Path, name: str) -> None:
    """Empty, cut off, text, and arrays of objects."""
    np.savez(tmp_path / "b.npz", a=np.zeros(9))
    np.savez(tmp_path / "c.npz", a=np.array([{}]))
    torch.save({"a": torch.zeros(9)}, tmp_path / "e.pth")
    content = {"b.npz": (tmp_path / "b.npz").read_bytes()[:-40], "c.npz": (tmp_path / "c.npz").read_bytes(),
               "e.pth": (tmp_path / "e.pth").read_bytes()[:200], "g.safetensors": b"hello\n"}  # fmt: skip
    (tmp_path / name).write_bytes(content.get(name, b""))
    with pytest.raises(InputError, match=rf"/{name} is no.*; get it again") as caught:
        run(SETTINGS, tmp_path / name, tmp_path / "out.safetensors")
    assert "\n" not in str(caught.value) and "pickle" not in str(caught.value)


@pytest.mark.parametrize(
    ("which", "name", "shape"),
    [("maskrefinenet_a", "layer0.0.weight", (64,)), ("maskrefinenet_a", "layer0.0.weight", (64, 5, 3, 3)),
     ("solov2_a", "ins_head.cate_pred.weight", ()), ("solov2_a", "ins_head.kernel_pred.weight", (2, 3))],
)  # fmt: skip
def test_impossible_shapes_are_named(golden: Path, tmp_path: Path, which: str, name: str, shape: tuple) -> None:
    torch.save(published_state(golden, which) | {name: torch.zeros(shape)}, tmp_path / "odd.pth")
    with pytest.raises(InputError, match=rf"weight has shape {re.escape(str(shape))}: not a "):
        run(SETTINGS, tmp_path / "odd.pth", tmp_path / "out.safetensors")


def test_other_networks_are_refused(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"neither SOLOv2 .* fc\.weight"):
        run(SETTINGS, tmp_path / "other.pth", tmp_path / "out.safetensors")


def test_released_refiner(golden: Path, tmp_path: Path) -> None:
    torch.save(published_state(golden, "maskrefinenet_a"), tmp_path / "refiner.pth")
    run(SETTINGS, tmp_path / "refiner.pth", tmp_path / "refiner.safetensors")
    tensors, metadata = load_model(tmp_path / "refiner.safetensors")
    assert metadata["kind"] == "maskrefinenet"
    assert tensors["backbone.body.conv1.weight"].shape[1] == 3 + 7 + 1


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("backbone.bottom_up.stem.conv1.norm.running_var", "bn1.running_var"),
        ("backbone.bottom_up.res4.5.conv3.norm.weight", "layer3.5.bn3.weight"),
        ("res5.0.shortcut.weight", "layer4.0.downsample.0.weight"),
        ("layer2.0.downsample.1.bias", "layer2.0.downsample.1.bias"),
    ],
)
def test_names_of_resnets(name: str, ours: str) -> None:
    assert resnet_name(name) == ours


def test_names_of_the_head() -> None:
    assert solov2_name("ins_head.kernel_tower.10.weight") == "instance_head.kernel_tower.3.1.weight"
    assert solov2_name("something.else") == "something.else"
