"""Random numbers of single objects."""

import numpy as np
from numpy.random import Generator


def stream(*numbers: int) -> Generator:
    """A generator that follows from seed, purpose and id, in the order given; ids of COCO files may be negative."""
    return np.random.default_rng([number if number >= 0 else number % 2**64 for number in numbers])
