"""A training that takes milliseconds: dropout (random states), a norm, a mean loss per sample."""

import os
import signal
import subprocess
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from wssis.config.training import OptimizerSettings, ScheduleSettings
from wssis.engine.task import MeansOverSamples

SCHEDULE = ScheduleSettings(iterations=12, warmup=3, decay="cosine", steps=())
OPTIMIZER = OptimizerSettings(name="adamw", lr=0.05, batch=4, ema=0.9, clip=1.0, threads=1)


class Numbers:
    """Ten samples: a vector that depends on the index, with noise from the seed, and the index as its image id."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int]:
        index, seed = key
        noise = np.random.default_rng(seed).normal(size=6)
        return torch.tensor(np.cos(index * np.arange(6)) + 0.1 * noise, dtype=torch.float32), index


class ToyTask(MeansOverSamples):
    """Learns to map each vector to the sum of its entries.

    signal_at: number of the pass in which the process sends itself SIGTERM; everyone: another one sends it to the whole
    group; poison: image whose loss is NaN.
    """

    def __init__(
        self, seed: int = 0, dropout: float = 0.2, signal_at: int | None = None, poison: int | None = None,
        everyone: bool = False,
    ) -> None:  # fmt: skip
        torch.manual_seed(seed)
        self.model = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.Dropout(dropout), nn.Linear(8, 1))
        self.dataset = Numbers()
        self._signal_at, self._poison, self._passes = signal_at, poison, 0
        self._everyone = everyone

    def collate(self, samples: Sequence[tuple[Tensor, int]]) -> tuple[Tensor, list[int]]:
        return torch.stack([vector for vector, _ in samples]), [index for _, index in samples]

    def to_device(self, batch: tuple[Tensor, list[int]], device: torch.device) -> tuple[Tensor, list[int]]:
        return batch[0].to(device), batch[1]

    def losses(self, model: nn.Module, batch: tuple[Tensor, list[int]]) -> dict[str, Tensor]:
        self._passes += 1
        if self._passes == self._signal_at:
            if self._everyone:  # From outside: of its parent's signal a loading process dies in silence.
                subprocess.run(["sh", "-c", "trap '' TERM; kill -TERM 0"], check=True)
            else:
                os.kill(os.getpid(), signal.SIGTERM)
        vectors, ids = batch
        loss = (model(vectors)[:, 0] - vectors.sum(1)).square().mean()
        return {"square": loss * float("nan") if self._poison in ids else loss}

    def image_ids(self, batch: tuple[Tensor, list[int]]) -> list[int]:
        return batch[1]
