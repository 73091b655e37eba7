"""metrics.jsonl and TensorBoard's files: what a line says, and that a resume leaves no line twice."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from wssis.engine.metrics import Metrics, memory_megabytes
from wssis.errors import InputError
from wssis.formats.metrics_file import FIGURES, losses_of, parse_metrics

CPU = torch.device("cpu")
LINE = {"step": 1, "dice": 2.5, "lr": 0.1, "images_per_second": 3.0}


class _Writer:
    """Stands in for SummaryWriter: remembers what was written where."""

    written: dict[str, list[tuple[str, float, int]]]

    def __init__(self, folder: str) -> None:
        self._path = Path(folder) / "events.out.tfevents.1"
        self._path.write_text("")
        self.lines = self.written.setdefault(folder, [])
        self.lines.clear()

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.lines.append((name, value, step))

    def flush(self) -> None:
        self._path.write_text(str(self.lines))

    def close(self) -> None:
        self.flush()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[tuple[str, float, int]]]:
    """What is written to event files, by folder; the package itself is optional."""
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = type("SummaryWriter", (_Writer,), {"written": {}})
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    return module.SummaryWriter.written


def test_a_line_says_it_all(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl", batch=8)
    assert [metrics.due(step, 30) for step in (1, 2, 20, 30)] == [True, False, True, True]
    rate = metrics.write(30, {"dice": 1.25, "focal": 0.5}, 0.01, waited=0.0, device=CPU)
    line = json.loads((tmp_path / "metrics.jsonl").read_text())
    assert list(line) == [
        "step", "dice", "focal", "lr", "images_per_second", "data_wait", "memory_mb", "seconds",
    ]  # fmt: skip
    assert line["images_per_second"] == pytest.approx(rate, abs=0.01) and rate > 0
    assert line["data_wait"] == 0 and line["memory_mb"] > 10 and line["seconds"] >= 0
    assert metrics.text == (tmp_path / "metrics.jsonl").read_text()


def test_waiting_is_a_share_of_the_time_since_the_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("wssis.engine.metrics.time.perf_counter", lambda: now[0])
    metrics = Metrics(tmp_path / "metrics.jsonl", batch=8)
    for now[0], waited in ((104.0, 1.0), (106.0, 1.5)):
        metrics.due(1, 1)
        metrics.write(1, {}, 0.1, waited, CPU)
    lines = [json.loads(line) for line in metrics.text.splitlines()]
    assert [(line["data_wait"], line["images_per_second"]) for line in lines] == [(0.25, 2), (0.25, 4)]


def test_peak_memory_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3 * 2**20)
    assert memory_megabytes(torch.device("cuda", 0))["gpu_memory_mb"] == 3
    assert set(memory_megabytes(CPU)) == {"memory_mb"}


def test_losses_are_told_from_all_other_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 0)
    metrics = Metrics(tmp_path / "metrics.jsonl", 8)
    metrics.write(1, {"dice": 2.0, "focal": 1.0}, 0.2, 0.0, torch.device("cuda", 0))
    (line,) = parse_metrics(metrics.text)
    assert losses_of(line) == {"dice": 2.0, "focal": 1.0}
    assert set(line) == {"step", "dice", "focal", *FIGURES}


def test_event_files_have_every_line_once(tmp_path: Path, written: dict) -> None:
    path = tmp_path / "metrics.jsonl"
    (tmp_path / "events.out.tfevents.0").write_text("of a run that was killed")
    past = json.dumps(LINE) + "\n"
    metrics = Metrics(path, 8, text=past, tensorboard=True)
    metrics.write(2, {"dice": 2.0}, 0.2, 0.0, CPU)
    metrics.close()
    assert [file.name for file in tmp_path.glob("events.*")] == ["events.out.tfevents.1"]
    lines = written[str(tmp_path)]
    assert lines[:3] == [("loss/dice", 2.5, 1), ("training/lr", 0.1, 1), ("training/images_per_second", 3.0, 1)]
    assert ("loss/dice", 2.0, 2) in lines and ("training/lr", 0.2, 2) in lines
    assert {name for name, _, step in lines if step == 2} == {
        "loss/dice", "training/lr", "training/images_per_second", "training/data_wait", "training/memory_mb",
        "training/seconds",
    }  # fmt: skip


def test_no_event_files_unless_asked_for(tmp_path: Path, written: dict) -> None:
    Metrics(tmp_path / "metrics.jsonl", 8).close()
    Metrics(None, 8, tensorboard=True).close()  # another process than the main one
    assert not written


def test_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"pip install 'wssis\[tensorboard\]'"):
        Metrics(tmp_path / "metrics.jsonl", 8, tensorboard=True)


def test_real_event_files(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    metrics = Metrics(tmp_path / "metrics.jsonl", 8, text=json.dumps(LINE) + "\n", tensorboard=True)
    metrics.write(2, {"dice": 2.0}, 0.2, 0.0, CPU)
    metrics.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss/dice")] == [(1, 2.5), (2, 2.0)]
