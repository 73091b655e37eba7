"""A log says what it computes on, and when a job's GPUs lie idle."""

import pytest
import torch

from wssis.engine.device_words import GIVEN, device_words
from wssis.engine.distributed import World


@pytest.fixture(autouse=True)
def outside_of_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    """No job around the tests."""
    for key in GIVEN:
        monkeypatch.delenv(key, raising=False)


def test_the_cpu_and_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert [*device_words(World(0, 1, torch.device("cpu")))] == ["on the CPU, 3 threads"]


def test_gpus_of_a_job_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_GPUS", "2")
    _, warning = device_words(World(0, 1, torch.device("cpu")))
    assert warning.startswith("WARNING: the job has GPUs (SLURM_JOB_GPUS=2), but PyTorch")


def test_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device.index}")
    assert [*device_words(World(1, 4, torch.device("cuda", 1)))] == ["on card 1 (cuda:1), and 3 more"]
