"""From data set to batches on the device, with the time the training waits for them."""

import signal
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader

from wssis.engine.deadline import SIGNALS
from wssis.engine.sampler import StepSampler
from wssis.engine.task import Task


class _WorkerStart:
    """What a worker does first: one compute thread, since the workers themselves are the parallelism; and no ear for
    signals. SLURM signals every process of a job, and a worker that died of it would end the training before it saves.
    Workers end when the training does, however that ends.
    """

    def __call__(self, worker: int) -> None:
        torch.set_num_threads(1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _batches(task: Task, sampler: StepSampler, workers: int, device: torch.device) -> Iterator[Any]:
    """CPU batches, made in this process (0 workers) or in others; the same either way."""
    if workers == 0:
        return (task.collate([task.dataset[key] for key in keys]) for keys in sampler)
    loader = DataLoader(
        task.dataset,
        batch_sampler=sampler,
        collate_fn=task.collate,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        worker_init_fn=_WorkerStart(),
        prefetch_factor=4,
        # Its own generator: drawing the workers' seeds must not move the network's random numbers.
        generator=torch.Generator(),
    )
    return iter(loader)


class Feed:
    """Iterator of batches on the device; `waited` is the seconds spent in it so far."""

    def __init__(self, task: Task, sampler: StepSampler, workers: int, device: torch.device) -> None:
        self._task, self._device = task, device
        self._batches = _batches(task, sampler, workers, device)
        self.waited = 0.0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        begun = time.perf_counter()
        batch = self._task.to_device(next(self._batches), self._device)
        self.waited += time.perf_counter() - begun
        return batch
