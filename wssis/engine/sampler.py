"""Which sample comes when: a function of seed and global sample number alone, not of processes, workers or resumes.

Sample number n (from 0, over the whole training) is entry n mod N of the permutation of epoch n div N. Step s takes
the numbers s B ... s B + B - 1; of these, process r of W takes every W-th, beginning with the r-th.
"""

from collections.abc import Iterator

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


class StepSampler(Sampler[list[tuple[int, int]]]):
    """The passes of one process: lists of (index in the data set, sample seed), at most `micro` long.

    Every step has `passes` of them. Iterating begins at step `start` and ends before step `stop`.

    Raises:
        InputError: the data set is empty, or the global batch is smaller than the number of processes.
    """

    def __init__(
        self, size: int, batch: int, seed: int, start: int, stop: int, *, rank: int = 0, world: int = 1,
        micro: int | None = None,
    ) -> None:  # fmt: skip
        if size < 1:
            raise InputError("the training set has no images; check the split and the annotations it came from")
        if batch < world:
            raise InputError(f"optimizer.batch ({batch}) is below the number of processes ({world}); use fewer")
        self._size, self._batch, self._seed = size, batch, seed
        self._start, self._stop = start, stop
        self._rank, self._world = rank, world
        self.share = len(range(rank, batch, world))
        self.micro = min(micro or self.share, self.share)
        self.passes = -(-self.share // self.micro)
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def __len__(self) -> int:
        return (self._stop - self._start) * self.passes

    def _index(self, number: int) -> int:
        epoch, position = divmod(number, self._size)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, epoch_order(self._size, self._seed, epoch)
        return int(self._order[position])

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for step in range(self._start, self._stop):
            first = step * self._batch
            numbers = range(first + self._rank, first + self._batch, self._world)
            samples = [(self._index(number), sample_seed(self._seed, number)) for number in numbers]
            for begin in range(0, self.share, self.micro):
                yield samples[begin : begin + self.micro]
