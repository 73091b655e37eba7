"""Which sample comes when: a function of seed and global sample number alone, not of processes, workers or resumes.

Step s takes the sample numbers s B ... s B + B - 1; of these, process r of W takes every W-th, beginning with the r-th.
Which sample a number stands for is the order's matter.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
from torch.utils.data import Sampler

from wssis.errors import InputError

ORDER, SAMPLE = 0, 1
"""Keep the random streams of order and augmentation apart."""


def epoch_order(size: int, seed: int, epoch: int) -> np.ndarray:
    """Permutation (int64, `size`) of the data set in one epoch."""
    return np.random.default_rng([ORDER, seed, epoch]).permutation(size)


def sample_seed(seed: int, number: int) -> int:
    """64-bit seed of everything random about global sample `number`."""
    return int(np.random.SeedSequence([SAMPLE, seed, number]).generate_state(1, np.uint64)[0])


class Order(Protocol):
    """Which sample of the data set comes at global number n (from 0, over the whole training)."""

    def index(self, number: int) -> int: ...


class EpochOrder:
    """Number n is entry n mod N of the permutation of epoch n div N."""

    def __init__(self, size: int, seed: int) -> None:
        if size < 1:
            raise InputError("the training set has no images; check the split and the annotations it came from")
        self._size, self._seed = size, seed
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def index(self, number: int) -> int:
        """The sample at a number."""
        epoch, position = divmod(number, self._size)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, epoch_order(self._size, self._seed, epoch)
        return int(self._order[position])


class SharedOrder:
    """A fixed share of every batch from one group of samples, the rest from the others; each group has its own epochs.

    Args:
        group: indices of the one group, and
        others: of the rest; neither empty.
        share: of the batch for the group, above 0 and below 1; rounded to samples, at least one of either kind.
    """

    def __init__(self, group: Sequence[int], others: Sequence[int], share: float, batch: int, seed: int) -> None:
        if batch < 2:
            raise InputError(f"student.full_share needs an optimizer.batch of 2 and more, not {batch}")
        self._batch, self._first = batch, min(max(1, round(share * batch)), batch - 1)
        self._members = (np.asarray(group), np.asarray(others))
        self._orders = (EpochOrder(len(group), seed), EpochOrder(len(others), seed))

    def index(self, number: int) -> int:
        """The sample at a number: the first of each batch are the group's."""
        step, position = divmod(number, self._batch)
        part = int(position >= self._first)
        size, place = (self._first, position) if part == 0 else (self._batch - self._first, position - self._first)
        return int(self._members[part][self._orders[part].index(step * size + place)])


class StepSampler(Sampler[list[tuple[int, int]]]):
    """The passes of one process: lists of (index in the data set, sample seed), at most `micro` long.

    Every step has `passes` of them, in every process as many, since passes may wait for each other; they are as even as
    can be. Iterating begins at step `start` and ends before step `stop`.

    Raises:
        InputError: the global batch is smaller than the number of processes, or leaves one of them a pass with nothing.
    """

    def __init__(
        self, order: Order, batch: int, seed: int, start: int, stop: int, *, rank: int = 0, world: int = 1,
        micro: int | None = None,
    ) -> None:  # fmt: skip
        if batch < world:
            raise InputError(f"optimizer.batch ({batch}) is below the number of processes ({world}); use fewer")
        self._order, self._batch, self._seed = order, batch, seed
        self._start, self._stop = start, stop
        self._rank, self._world = rank, world
        self.share = len(range(rank, batch, world))
        largest, smallest = -(-batch // world), batch // world
        self.passes = 1 if micro is None else -(-largest // micro)
        if self.passes > smallest:
            raise InputError(
                f"optimizer.batch ({batch}) cannot be dealt out to {world} processes in passes of optimizer.micro_batch"
                f" ({micro}): some would have none; take a multiple of {world} for the batch"
            )

    def __len__(self) -> int:
        return (self._stop - self._start) * self.passes

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step in range(self._start, self._stop):
            first = step * self._batch
            numbers = range(first + self._rank, first + self._batch, self._world)
            samples = [(self._order.index(number), sample_seed(self._seed, number)) for number in numbers]
            edges = [self.share * part // self.passes for part in range(self.passes + 1)]
            yield from (samples[begin:end] for begin, end in pairwise(edges))
