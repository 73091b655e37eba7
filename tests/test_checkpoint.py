"""Checkpoints: equal content, equal bytes; anything else is refused."""

from pathlib import Path

import pytest
import torch

from wssis.engine.box_predictor import load_box_segmentor
from wssis.engine.predictor import load_segmentor
from wssis.engine.refining import load_refiner
from wssis.errors import InputError
from wssis.formats.checkpoint import load_model, save_model

METADATA = {"kind": "solov2", "network": "{}", "categories": "[]", "step": "7"}


def test_round_trip(tmp_path: Path) -> None:
    image = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    weights = {"b": image, "a": torch.arange(3), "c": torch.tensor(1.5)}
    save_model(tmp_path / "m.safetensors", weights, METADATA)
    found, metadata = load_model(tmp_path / "m.safetensors")
    assert metadata == METADATA
    assert found.keys() == weights.keys() and all(torch.equal(found[name], weights[name]) for name in weights)


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    tensor = torch.randn(2, 3, 4, 4)
    contents = set()
    for number in range(8):
        layout = torch.channels_last if number % 2 else torch.contiguous_format
        weights = {"x": tensor.contiguous(memory_format=layout), "y": tensor[0]}
        save_model(tmp_path / "m.safetensors", dict(reversed(weights.items())), dict(reversed(METADATA.items())))
        contents.add((tmp_path / "m.safetensors").read_bytes())
    assert len(contents) == 1


def test_shared_weights_are_stored_each(tmp_path: Path) -> None:
    tensor = torch.ones(2)
    save_model(tmp_path / "m.safetensors", {"a": tensor, "b": tensor}, {})
    assert load_model(tmp_path / "m.safetensors")[0].keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("kind", "load"),
    [
        ("solov2", lambda path: load_segmentor(path, torch.device("cpu"))),
        ("mask-rcnn", lambda path: load_box_segmentor(path, torch.device("cpu"))),
        ("maskrefinenet", load_refiner),
    ],
)
@pytest.mark.parametrize(
    "wrong", [{"categories": None}, {"categories": "x"}, {"network": None}, {"network": '{"unknown": 1}'}]
)
def test_metadata_of_another_version_are_one_error(tmp_path: Path, kind: str, load, wrong: dict) -> None:
    path = tmp_path / "m.safetensors"
    metadata = {**METADATA, "kind": kind, "crop_size": "64", **wrong}
    save_model(path, {"a": torch.ones(1)}, {key: value for key, value in metadata.items() if value is not None})
    with pytest.raises(InputError, match=r"m\.safetensors: what its metadata say of the network cannot be read \("):
        load(path)


def test_missing_and_cut_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(InputError, match="not found"):
        load_model(path)
    save_model(path, {"a": torch.ones(100)}, METADATA)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="not a whole safetensors file"):
        load_model(path)
