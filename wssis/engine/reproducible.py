"""Same seed, same machine, CPU: the same bits."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed the global generators; done before a network is built, so that its initial weights follow from `seed`."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def reproducible(device: torch.device, threads: int) -> Iterator[None]:
    """Within: deterministic algorithms and `threads` compute threads on a CPU; the fastest ones on a GPU."""
    before = (
        torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory,
        torch.get_num_threads(), torch.backends.cudnn.benchmark,
    )  # fmt: skip
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(device.type == "cpu")
    # Filling every new tensor with NaN finds bugs but costs time, and changes nothing where there are none.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = device.type == "cuda"
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.utils.deterministic.fill_uninitialized_memory = before[1]
        torch.set_num_threads(before[2])
        torch.backends.cudnn.benchmark = before[3]
