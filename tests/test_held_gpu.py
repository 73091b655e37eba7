"""Processes on one machine take different GPUs; the machine is a made-up one, the processes and locks are real."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = """
import sys, time
from types import SimpleNamespace
import torch
uuids = sys.argv[1].split(",")
torch.cuda.is_available, torch.cuda.init = lambda: True, lambda: None
torch.cuda.device_count = lambda: len(uuids)
torch.cuda.get_device_properties = lambda index: SimpleNamespace(uuid=uuids[index])
chosen = []
torch.cuda.set_device = chosen.append
from wssis.engine.distributed import this_world
assert this_world() == this_world()
print(this_world().device, *chosen, flush=True)
time.sleep(300)
"""


class Machine:
    """Processes on a machine with some GPUs, each alive until it is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._alive = folder, []

    def start(self, uuids: str, local_rank: int | None = None) -> tuple[subprocess.Popen[str], str]:
        """A process that sees these GPUs; what it prints: its device, and what became PyTorch's current one."""
        rank = str(local_rank)
        ranks = {} if local_rank is None else {"LOCAL_RANK": rank, "RANK": rank, "WORLD_SIZE": "2"}
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, uuids], stdout=subprocess.PIPE, text=True,
            env=os.environ | {"TMPDIR": str(self._folder)} | ranks,
        )  # fmt: skip
        self._alive.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    def end(self) -> None:
        """Kill what is alive."""
        for process in self._alive:
            process.kill()
            process.wait()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine whose processes end with the test."""
    made = Machine(tmp_path)
    yield made
    made.end()


def test_side_by_side_processes_take_different_gpus(machine: Machine) -> None:
    first, device = machine.start("a,b")
    assert device == "cuda:0 0"
    assert machine.start("a,b")[1] == "cuda:1 1"
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert machine.start("b,a")[1] == "cuda:1 1", "a is free again, whatever its index"


def test_more_processes_than_gpus_spread_evenly(machine: Machine) -> None:
    assert [machine.start("a,b")[1] for _ in range(4)] == ["cuda:0 0", "cuda:1 1"] * 2


def test_where_nothing_can_be_locked_the_first_is_taken(
    machine: Machine, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / f"wssis-gpus-{os.getuid()}").touch()
    assert [machine.start("a,b")[1] for _ in range(2)] == ["cuda:0 0"] * 2
    assert "WARNING: GPU 0 may have another job of yours" in capfd.readouterr().err


def test_one_gpu_is_not_locked(machine: Machine, tmp_path: Path) -> None:
    assert machine.start("a")[1] == machine.start("a")[1] == "cuda:0 0"
    assert not list(tmp_path.iterdir())


def test_torchrun_gives_each_process_the_gpu_of_its_rank(machine: Machine) -> None:
    assert machine.start("a,b,c", local_rank=1)[1] == "cuda:1 1"
    assert machine.start("a,b,c", local_rank=0)[1] == "cuda:0 0"
    assert machine.start("a,b,c")[1] == "cuda:2 2"
    assert machine.start("a,b,c", local_rank=1)[1] == "cuda:1 1", "held by another or not: one a process"
