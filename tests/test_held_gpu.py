"""Processes on one machine take different GPUs; the machine is a made-up one, the processes and locks are real."""

import multiprocessing
import os
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from wssis.engine.distributed import this_world

# Every process is forked from one that has imported PyTorch, and nothing else has happened in.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["wssis.engine.distributed"])


def _hold(uuids: list[str], folder: Path, ranks: dict[str, str], answers: Connection) -> None:
    """Tell the device that a process takes, and what becomes PyTorch's current one; what it warns of goes to a file."""
    sys.stderr = (folder / "stderr").open("a", buffering=1)
    os.environ |= {"TMPDIR": str(folder / "tmp")} | ranks
    torch.cuda.is_available, torch.cuda.init = lambda: True, lambda: None
    torch.cuda.device_count = lambda: len(uuids)
    torch.cuda.get_device_properties = lambda index: SimpleNamespace(uuid=uuids[index])
    chosen: list[int] = []
    torch.cuda.set_device = chosen.append
    assert this_world() == this_world()
    answers.send(" ".join(map(str, [this_world().device, *chosen])))
    answers.recv()


class Machine:
    """Processes on a machine with some GPUs, each alive until it is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._alive = folder, []
        (folder / "tmp").mkdir()

    def start(self, uuids: str, local_rank: int | None = None) -> tuple[BaseProcess, str]:
        """A process that sees these GPUs; what it says: its device, and what became PyTorch's current one."""
        rank = str(local_rank)
        ranks = {} if local_rank is None else {"LOCAL_RANK": rank, "RANK": rank, "WORLD_SIZE": "2"}
        ours, theirs = PROCESSES.Pipe()
        process = PROCESSES.Process(target=_hold, args=(uuids.split(","), self._folder, ranks, theirs))
        process.start()
        theirs.close()
        self._alive.append((process, ours))
        return process, ours.recv()

    def end(self) -> None:
        """Kill what is alive."""
        for process, _ in self._alive:
            process.kill()
            process.join()


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
    first.kill()
    first.join()
    assert machine.start("b,a")[1] == "cuda:1 1", "a is free again, whatever its index"


def test_more_processes_than_gpus_spread_evenly(machine: Machine) -> None:
    assert [machine.start("a,b")[1] for _ in range(4)] == ["cuda:0 0", "cuda:1 1"] * 2


def test_where_nothing_can_be_locked_the_first_is_taken(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / f"tmp/wssis-gpus-{os.getuid()}").touch()
    assert [machine.start("a,b")[1] for _ in range(2)] == ["cuda:0 0"] * 2
    assert "WARNING: GPU 0 may have another job of yours" in (tmp_path / "stderr").read_text()


def test_one_gpu_is_not_locked(machine: Machine, tmp_path: Path) -> None:
    assert machine.start("a")[1] == machine.start("a")[1] == "cuda:0 0"
    assert not list((tmp_path / "tmp").iterdir())


def test_torchrun_gives_each_process_the_gpu_of_its_rank(machine: Machine) -> None:
    assert machine.start("a,b,c", local_rank=1)[1] == "cuda:1 1"
    assert machine.start("a,b,c", local_rank=0)[1] == "cuda:0 0"
    assert machine.start("a,b,c")[1] == "cuda:2 2"
    assert machine.start("a,b,c", local_rank=1)[1] == "cuda:1 1", "held by another or not: one a process"
