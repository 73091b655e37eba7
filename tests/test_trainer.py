"""The training loop on a toy: the same bits however often it is stopped, and loud refusals."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from toy_task import OPTIMIZER, SCHEDULE, ToyTask

from wssis.engine import deadline, trainer
from wssis.engine.deadline import StopRequest, TrainingStopped
from wssis.engine.ema import MovingAverage
from wssis.engine.losses import NonFiniteLossError
from wssis.engine.optimizer import build_optimizer, set_lr
from wssis.engine.state import STATE_FILE, load_state, save_state
from wssis.engine.trainer import TrainSummary, train
from wssis.errors import InputError
from wssis.formats.checkpoint import load_model

SNAPSHOTS = {5: "snapshot1.safetensors", 12: "snapshot2.safetensors"}
FILES = ("model.safetensors", *SNAPSHOTS.values())


def _train(
    folder: Path, task: ToyTask, out: str = "out", key: str = "", workers: int = 0, **changes: object
) -> TrainSummary:
    optimizer = OPTIMIZER.model_copy(update=changes)
    state = folder / "state" / (key or out)
    return train(task, SCHEDULE, optimizer, 5, folder / out, state, {"kind": "toy"}, SNAPSHOTS, workers)


def _bytes(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


def _lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def _figures(folder: Path) -> list[tuple[int, float, float]]:
    """What metrics.jsonl says, times left out."""
    return [(line["step"], line["square"], line["lr"]) for line in _lines(folder)]


@pytest.mark.parametrize("changes", [{}, {"micro_batch": 3}, {"name": "sgd", "ema": None}, {"precision": "bfloat16"}])
@pytest.mark.parametrize("stop", [1, 7, 11])
def test_stopped_and_resumed_equals_undisturbed(tmp_path: Path, stop: int, changes: dict) -> None:
    _train(tmp_path, ToyTask(), "undisturbed", **changes)
    passes = 2 if "micro_batch" in changes else 1
    with pytest.raises(TrainingStopped) as stopped:
        _train(tmp_path, ToyTask(signal_at=stop * passes), "resumed", **changes)
    assert stopped.value.code == 143 and f"after step {stop}" in str(stopped.value)
    assert load_state(tmp_path / "state" / "resumed")["step"] == stop
    for leftover in (tmp_path / "resumed").iterdir():
        leftover.unlink()  # as Snakemake does before a retry
    torch.rand(3)
    summary = _train(tmp_path, ToyTask(seed=99), "resumed", **changes)
    assert summary.resumed_from == stop and summary.steps == 12
    assert _bytes(tmp_path / "resumed") == _bytes(tmp_path / "undisturbed")
    assert _figures(tmp_path / "resumed") == _figures(tmp_path / "undisturbed")


SIGNALLED = """
import sys
from pathlib import Path
from toy_task import OPTIMIZER, SCHEDULE, ToyTask
from wssis.engine.trainer import train
folder = Path(sys.argv[1])
train(ToyTask(signal_at=2, everyone=True), SCHEDULE, OPTIMIZER, 5, folder / "out", folder / "state" / "out", {}, {}, 2)
"""


def test_a_signal_to_the_loading_processes_too(tmp_path: Path) -> None:
    """SLURM signals every process of a job, not the training alone."""
    here = Path(__file__).resolve().parent
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, str(tmp_path)], capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | {"PYTHONPATH": f"{here}{os.pathsep}{here.parent}"}, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 143, done.stderr
    assert load_state(tmp_path / "state" / "out")["step"] == 2
    _train(tmp_path, ToyTask(seed=99), workers=2)
    _train(tmp_path, ToyTask(), "undisturbed")
    assert _figures(tmp_path / "out") == _figures(tmp_path / "undisturbed")


def test_a_training_that_is_through_is_not_repeated(tmp_path: Path) -> None:
    first = _train(tmp_path, ToyTask(), "undisturbed")
    assert load_state(first.state)["step"] == 12
    task = ToyTask(seed=99)
    again = _train(tmp_path, task, "again", key="undisturbed")
    assert task._passes == 0 and again.resumed_from == again.steps == 12
    assert _bytes(tmp_path / "again") == _bytes(tmp_path / "undisturbed")
    assert _lines(tmp_path / "again") == _lines(tmp_path / "undisturbed")
    counts, before = again.counts(), first.counts()
    assert all(counts[name] == before[name] for name in ("last_square", "images_per_second", "steps"))


def test_crash_between_saves_goes_back_to_the_last_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _train(tmp_path, ToyTask(), "undisturbed")
    monkeypatch.setattr(trainer, "SAVE_EVERY", 0.0)
    crashing = ToyTask()
    losses = crashing.losses
    crashing.losses = lambda model, batch: losses(model, batch) if crashing._passes < 8 else 1 / 0
    with pytest.raises(ZeroDivisionError):
        _train(tmp_path, crashing, "resumed")
    assert _train(tmp_path, ToyTask(seed=3), "resumed").resumed_from == 8
    assert _bytes(tmp_path / "resumed") == _bytes(tmp_path / "undisturbed")


def test_same_seed_twice_and_another(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        _train(tmp_path, ToyTask(seed), name)
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b") != _bytes(tmp_path / "c")


def test_workers_change_nothing(tmp_path: Path) -> None:
    _train(tmp_path, ToyTask(), "none")
    _train(tmp_path, ToyTask(), "two", workers=2)
    assert _bytes(tmp_path / "none") == _bytes(tmp_path / "two")


def test_accumulated_passes_are_one_batch(tmp_path: Path) -> None:
    for name, micro in (("whole", None), ("parts", 3)):
        _train(tmp_path, ToyTask(dropout=0.0), name, micro_batch=micro)
    whole, parts = (load_model(tmp_path / name / "model.safetensors")[0] for name in ("whole", "parts"))
    for name in whole:
        torch.testing.assert_close(whole[name], parts[name], rtol=1e-4, atol=1e-5)
    assert [line["square"] for line in _lines(tmp_path / "whole")] == pytest.approx(
        [line["square"] for line in _lines(tmp_path / "parts")], rel=1e-3
    )


def test_outputs_and_metrics(tmp_path: Path) -> None:
    _train(tmp_path, ToyTask())
    assert [load_model(tmp_path / "out" / name)[1]["step"] for name in FILES] == ["12", "5", "12"]
    assert (tmp_path / "out" / FILES[0]).read_bytes() == (tmp_path / "out" / FILES[2]).read_bytes()
    lines = _lines(tmp_path / "out")
    assert [line["step"] for line in lines] == [1, 12]
    assert set(lines[0]) == {"step", "square", "lr", "images_per_second", "data_wait", "memory_mb", "seconds"}
    assert lines[0]["lr"] == pytest.approx(0.05 * 0.01) and lines[1]["square"] < lines[0]["square"]


def test_non_finite_loss_names_step_and_images(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match=r"at step [123] \(square nan\), images .*\b4\b"):
        _train(tmp_path, ToyTask(poison=4))
    assert not (tmp_path / "out" / "model.safetensors").exists()


def _stopped_state(folder: Path) -> Path:
    with pytest.raises(TrainingStopped):
        _train(folder, ToyTask(signal_at=7))
    return folder / "state" / "out"


def test_corrupt_state_is_refused(tmp_path: Path) -> None:
    path = _stopped_state(tmp_path) / STATE_FILE
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"state\.pt: corrupt resume state"):
        _train(tmp_path, ToyTask())
    path.write_bytes(data[:100])
    with pytest.raises(InputError, match="corrupt"):
        _train(tmp_path, ToyTask())


def test_foreign_state_is_refused(tmp_path: Path) -> None:
    folder = _stopped_state(tmp_path)
    folder.rename(folder.with_name("other"))
    with pytest.raises(InputError, match="of another training"):
        _train(tmp_path, ToyTask(), key="other")
    save_state(folder.with_name("third"), {"step": 3})
    with pytest.raises(InputError, match="not a resume state"):
        _train(tmp_path, ToyTask(), key="third")


def test_state_of_another_network_is_refused(tmp_path: Path) -> None:
    _stopped_state(tmp_path)
    task = ToyTask()
    task.model[3] = nn.Linear(8, 2)
    with pytest.raises(InputError, match=r"of another network \(3\.bias"):
        _train(tmp_path, task)


def test_moving_average_by_hand() -> None:
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(1.0)
    average = MovingAverage(model, 0.15)
    for weight in (3.0, 5.0):
        model.weight.data.fill_(weight)
        average.update()
    first = 0.1 * 1 + 0.9 * 3  # decay (1 + 0) / (10 + 0)
    assert average.averages()["weight"].item() == pytest.approx(0.15 * first + 0.85 * 5)  # min(.15, 2 / 11)


def test_parameter_groups() -> None:
    head = nn.Sequential(nn.Conv2d(2, 2, 1), nn.GroupNorm(1, 2))
    model = nn.ModuleDict({"backbone": nn.Conv2d(1, 2, 1), "head": head})
    model["head"][0].bias.requires_grad_(False)
    optimizer = build_optimizer(model, OPTIMIZER.model_copy(update={"backbone_lr_factor": 0.1, "weight_decay": 0.5}))
    set_lr(optimizer, 0.5)
    groups = [(group["lr"], group["weight_decay"], len(group["params"])) for group in optimizer.param_groups]
    slow = pytest.approx(0.0025)
    assert groups == [(0.025, 0.0, 2), (0.025, 0.5, 1), (slow, 0.0, 1), (slow, 0.5, 1)]


def test_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_END_TIME", "1000")
    assert deadline.job_end() == 1000.0
    now = [1000 - deadline.MARGIN - 30]
    stop = StopRequest(deadline.job_end(), clock=lambda: now[0])
    assert stop.reason(save_seconds=10) is None
    assert stop.reason(save_seconds=20) is not None
    now[0] += 31
    assert "time is nearly over" in stop.reason()
    monkeypatch.delenv("SLURM_JOB_END_TIME")
    assert StopRequest(deadline.job_end()).reason() is None


def test_signal_heard_twice_is_one_and_a_later_one_is_not_held_back() -> None:
    now = [50.0]
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits an ignored SIGINT
    try:
        with StopRequest(clock=lambda: now[0]) as stop, pytest.raises(KeyboardInterrupt):
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGINT)
                assert stop.reason() == "received SIGINT"
            now[0] += deadline.REPEATED + 1
            os.kill(os.getpid(), signal.SIGINT)
            pytest.fail("held back")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, inherited)
