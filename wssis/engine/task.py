"""What differs between teacher, refiner and student; the training loop knows nothing else of them."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from wssis.engine.sampler import EpochOrder, Order


class Samples(Protocol):
    """A data set: `samples[index, seed]` is the sample made with that seed, the same wherever it is made."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: tuple[int, int]) -> Any: ...


class Task(Protocol):
    """Network, data and losses of one training."""

    model: nn.Module
    dataset: Samples

    def order(self, batch: int, seed: int) -> Order:
        """Which sample comes when, in batches of that size."""
        ...

    def collate(self, samples: Sequence[Any]) -> Any:
        """Samples to a batch, on the CPU; with a `pin_memory()` method where it should be pinned."""
        ...

    def to_device(self, batch: Any, device: torch.device) -> Any:
        """The batch on the device, copied without blocking."""
        ...

    def losses(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        """Named scalar losses of the batch, each a sum over its samples over its divisor; their sum is minimised.

        `model` is `self.model`, possibly wrapped for several processes; its forward must be called through `model`.
        Every trainable weight takes part in every batch, also in one without objects.
        """
        ...

    def counts(self, batch: Any) -> Tensor:
        """What the losses are means over, float64 (K,) in their order, or (1,) for all; on the CPU, and additive."""
        ...

    def divisors(self, counts: Tensor) -> Tensor:
        """What the losses are divided by in a batch with these counts, of the same shape."""
        ...

    def image_ids(self, batch: Any) -> list[int]:
        """Images in the batch, to name them when a loss is not finite."""
        ...


class MeansOverSamples:
    """For a task whose losses are means over the samples of a batch, and whose samples come once per epoch."""

    dataset: Samples

    def order(self, batch: int, seed: int) -> Order:
        """Every sample once per epoch."""
        return EpochOrder(len(self.dataset), seed)

    def counts(self, batch: Any) -> Tensor:
        """The number of samples, float64 (1,)."""
        return torch.tensor([len(self.image_ids(batch))], dtype=torch.float64)

    def divisors(self, counts: Tensor) -> Tensor:
        """The same number."""
        return counts
