"""One process or many: the place of this process among those torchrun started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist

from wssis.engine.held_gpu import held_gpu
from wssis.formats.manifest import StageRun


@dataclass(frozen=True)
class World:
    """Rank of this process, number of processes, and the device it computes on."""

    rank: int
    size: int
    device: torch.device

    @property
    def main(self) -> bool:
        """Whether this process writes the outputs."""
        return self.rank == 0


def this_world() -> World:
    """Read torchrun's environment; without it, one process. The device is a GPU wherever there is one (`held_gpu`)."""
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    device = torch.device("cuda", held_gpu()) if torch.cuda.is_available() else torch.device("cpu")
    return World(rank, size, device)


@contextmanager
def joined_world() -> Iterator[World]:
    """This process's place, with the process group open if there is more than one; closed again at the end."""
    world = this_world()
    opened = world.size > 1 and not dist.is_initialized()
    if opened:
        dist.init_process_group("nccl" if world.device.type == "cuda" else "gloo")
    try:
        yield world
    finally:
        if opened:
            dist.destroy_process_group()


@contextmanager
def on_main(run: StageRun) -> Iterator[StageRun]:
    """Enter `run` in the main process only: one manifest, however many processes train."""
    if this_world().main:
        with run:
            yield run
    else:
        yield run


def largest_of_processes(world: World, figures: list[float]) -> list[float]:
    """Of every figure the largest over the processes; every process must ask at the same step."""
    if world.size == 1:
        return figures
    values = torch.tensor(figures, dtype=torch.float64, device=world.device)
    dist.all_reduce(values, op=dist.ReduceOp.MAX)
    return values.tolist()


def sum_over_processes(world: World, values: torch.Tensor) -> torch.Tensor:
    """Sum of `values` over the processes, on the device if there are several; the host does not wait for it."""
    if world.size == 1:
        return values
    values = values.to(world.device, non_blocking=True, copy=True)
    dist.all_reduce(values)
    return values


def mean_over_processes(world: World, figures: dict[str, float]) -> dict[str, float]:
    """Figures of the same names in every process, each the mean over them; waits for the device."""
    if world.size == 1:
        return figures
    total = sum_over_processes(world, torch.tensor(list(figures.values()), dtype=torch.float64))
    return dict(zip(figures, (total / world.size).tolist(), strict=True))


def wait_for_all(world: World) -> None:
    """Barrier, if there is more than one process."""
    if world.size > 1:
        dist.barrier()
