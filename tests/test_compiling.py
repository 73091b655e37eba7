"""A compiled network learns the same, is saved under the same names, and resumes; without a compiler it says so."""

from functools import partial
from pathlib import Path

import pytest
import torch
from segmentor_fixtures import NETWORK
from toy_task import OPTIMIZER, SCHEDULE, ToyTask

from wssis.config.network import BackboneSettings, RefineNetSettings
from wssis.engine import compiling
from wssis.engine.compiling import compiled
from wssis.engine.deadline import TrainingStopped
from wssis.engine.trainer import train
from wssis.errors import InputError
from wssis.formats.checkpoint import load_model
from wssis.models.refinenet.network import MaskRefineNet
from wssis.models.solov2.heads import evenly
from wssis.models.solov2.network import SOLOv2

CPU = torch.device("cpu")


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[torch.fx.GraphModule]:
    """All of torch.compile but the generated code, which takes a minute: graphs are run operation by operation."""
    graphs = []

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> object:
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(compiling.torch, "compile", partial(torch.compile, backend=backend))
    return graphs


def _train(folder: Path, name: str, task: ToyTask, compile: bool = True) -> dict[str, torch.Tensor]:
    settings = OPTIMIZER.model_copy(update={"compile": compile})
    train(task, SCHEDULE, settings, 5, folder / name, folder / "state" / name, {}, {6: "snapshot1.safetensors"})
    return load_model(folder / name / "model.safetensors")[0]


def test_same_names_and_same_weights(tmp_path: Path, traced: list[torch.fx.GraphModule]) -> None:
    plain = _train(tmp_path, "plain", ToyTask(dropout=0.0), compile=False)
    assert not traced
    fast = _train(tmp_path, "compiled", ToyTask(dropout=0.0))
    assert len(traced) == 2  # the trial, and the network in training mode
    assert list(fast) == list(plain) == list(load_model(tmp_path / "compiled" / "snapshot1.safetensors")[0])
    for name in plain:
        torch.testing.assert_close(fast[name], plain[name], rtol=1e-5, atol=1e-6)


def test_stopped_and_resumed_equals_undisturbed(tmp_path: Path, traced: list[torch.fx.GraphModule]) -> None:
    undisturbed = _train(tmp_path, "undisturbed", ToyTask())
    with pytest.raises(TrainingStopped):
        _train(tmp_path, "resumed", ToyTask(signal_at=7))
    resumed = _train(tmp_path, "resumed", ToyTask(seed=99))
    assert all(torch.equal(resumed[name], undisturbed[name]) for name in undisturbed)


@pytest.mark.parametrize("steps", [2, 3, 7, 8, 13, 100, 167, 334])
def test_coordinates_of_a_compiled_network(steps: int) -> None:
    expected = torch.linspace(-1, 1, steps)
    torch.testing.assert_close(evenly(steps, CPU, torch.float32), expected, rtol=0, atol=6e-8)


def test_segmentor_is_one_graph(traced: list[torch.fx.GraphModule]) -> None:
    _compare_segmentors(traced, {96: 2})


@pytest.mark.slow
def test_segmentor_of_many_sizes_is_two_graphs(traced: list[torch.fx.GraphModule]) -> None:
    _compare_segmentors(traced, {96: 2, 128: 3, 160: 3, 224: 3})


def _compare_segmentors(traced: list[torch.fx.GraphModule], graphs: dict[int, int]) -> None:
    """Width of the images -> number of graphs after them, the first of which is the trial."""
    network = SOLOv2(NETWORK, 2).eval()
    fast = compiled(network, CPU)
    for width, number in graphs.items():
        images = torch.rand(2, 3, 64, width)
        with torch.no_grad():
            expected, found = network(images), fast(images)
        assert len(traced) == number
        for name in ("category", "kernel", "mask_features"):
            torch.testing.assert_close(getattr(found, name), getattr(expected, name))


def test_refiner_is_one_graph(traced: list[torch.fx.GraphModule]) -> None:
    backbone = BackboneSettings(name="resnet18", norm="batch")
    settings = RefineNetSettings(backbone=backbone, aspp_channels=8, decoder_channels=(8, 8, 8, 8), guide=True)
    network = MaskRefineNet(settings, 2).eval()
    inputs = torch.rand(2, 6, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(compiled(network, CPU)(inputs), network(inputs))
    assert len(traced) == 2


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("No working C++ compiler found\nand a long explanation")

    monkeypatch.setattr(compiling.torch, "compile", lambda function: fails)
    with pytest.raises(InputError, match=r"optimizer\.compile: .*\(No working C\+\+ compiler found\).* compile: false"):
        _train(tmp_path, "out", ToyTask())


@pytest.mark.slow
def test_generated_code(tmp_path: Path) -> None:
    plain = _train(tmp_path, "plain", ToyTask(dropout=0.0), compile=False)
    fast = _train(tmp_path, "compiled", ToyTask(dropout=0.0))
    for name in plain:
        torch.testing.assert_close(fast[name], plain[name], rtol=1e-4, atol=1e-5)
