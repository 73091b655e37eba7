"""COCO's run-length encoding: runs of zeros and ones in turn, zeros first, down the columns."""

import numpy as np
from numpy.typing import NDArray


def run_lengths(counts: str | bytes | list[int]) -> NDArray[np.int64]:
    """Lengths of the runs, from either form of `counts`.

    The compressed form holds 5 bits a character (bit 5: more to come; of the last one bit 4: negative); from the
    fourth run on, each is given as the difference from the last but one.

    Raises:
        ValueError: a character that the compressed form cannot hold, or its end is missing.

    >>> run_lengths("133O0").tolist()
    [1, 3, 3, 2, 3]
    """
    if isinstance(counts, list):
        return np.asarray(counts, dtype=np.int64)
    raw = counts.encode("latin-1") if isinstance(counts, str) else counts
    symbols = np.frombuffer(raw, dtype=np.uint8).astype(np.int64) - 48
    if not symbols.size:
        return symbols
    last = (symbols & 0x20) == 0
    if symbols.min() < 0 or symbols.max() > 63 or not last[-1]:
        raise ValueError("not a compressed RLE")
    first = np.flatnonzero(np.concatenate([[True], last[:-1]]))
    shift = 5 * (np.arange(symbols.size) - np.repeat(first, np.diff(first, append=symbols.size)))
    if shift.max() > 30:
        raise ValueError("not a compressed RLE: a run is longer than any image")
    values = np.add.reduceat((symbols & 0x1F) << shift, first)
    ends = np.flatnonzero(last)
    values -= np.where(symbols[ends] & 0x10, np.int64(1) << (shift[ends] + 5), 0)
    # Runs 2, 4, 6, ... build on one another, and so do 1, 3, 5, ...; run 0 stands alone.
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values
