"""COCO's run-length encoding: runs of zeros and ones in turn, zeros first, down the columns."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def run_lengths(counts: str | bytes | list[int]) -> Integers:
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
    symbols = np.frombuffer(raw, dtype=np.uint8) - 48  # Below "0" this wraps to more than 63.
    if not symbols.size:
        return symbols.astype(np.int64)
    if symbols.max() > 63 or symbols[-1] & 0x20:
        raise ValueError("not a compressed RLE")
    values, _ = _numbers(symbols)
    # Runs 2, 4, 6, ... build on one another, and so do 1, 3, 5, ...; run 0 stands alone.
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def run_table(counts: Sequence[bytes]) -> tuple[Integers, Integers]:
    """Runs of many compressed RLEs at once: `run_lengths`, without a Python call for each.

    Returns lengths (R,) of all runs, and start (N + 1,): those of RLE i are lengths[start[i] : start[i + 1]]. The RLEs
    are sound, as pycocotools writes them.

    >>> [part.tolist() for part in run_table([b"133O0", b"4"])]
    [[1, 3, 3, 2, 3, 4], [0, 5, 6]]
    """
    symbols = np.frombuffer(b"".join(counts), dtype=np.uint8) - 48
    given, ends = _numbers(symbols)
    start = np.concatenate([[0], np.searchsorted(ends, np.cumsum([len(one) for one in counts]))])
    first, runs = start[:-1], np.diff(start)
    # Runs 1, 3, 5, ... of an RLE build on one another, and so do 2, 4, 6, ...: sums over every other number of all
    # RLEs, less what they came to before run 1 and before run 2. Run 0 stands alone.
    sums = _sums_of_every_other(given)
    odd = (np.arange(given.size) - np.repeat(first, runs)) & 1
    lengths = sums[1:-1] - np.where(odd, np.repeat(sums[first], runs), np.repeat(sums[first + 1], runs))
    begin = first[runs > 0]
    lengths[begin] = given[begin]
    return lengths, start


def _sums_of_every_other(values: Integers) -> Integers:
    """Sums (R + 2,) over values (R,): 0, then of values i, i - 2, i - 4, ... for every i, then 0."""
    sums = np.zeros(values.size + 2 + values.size % 2, np.int64)
    sums[1 : values.size + 1] = values
    pairs = sums[1:-1].reshape(-1, 2)
    np.cumsum(pairs, axis=0, out=pairs)
    sums[values.size + 1 :] = 0
    return sums[: values.size + 2]


def _numbers(symbols: NDArray[np.uint8]) -> tuple[Integers, Integers]:
    """The signed numbers (R,) that 6-bit symbols (M,) hold, and the place of the last symbol of each.

    Raises:
        ValueError: a number is larger than any image, or the last one has no end.
    """
    ends = np.flatnonzero((symbols & 0x20) == 0)
    if not ends.size or ends[-1] != symbols.size - 1:
        raise ValueError("not a compressed RLE: its end is missing")
    first = np.concatenate([[0], ends[:-1] + 1])
    size = ends - first + 1
    if size.max() > 7:
        raise ValueError("not a compressed RLE: a run is longer than any image")
    values = (symbols[first] & 0x1F).astype(np.int64)
    for place in range(1, size.max()):
        longer = np.flatnonzero(size > place)
        values[longer] |= (symbols[first[longer] + place] & 0x1F).astype(np.int64) << 5 * place
    negative = np.flatnonzero(symbols[ends] & 0x10)
    values[negative] -= np.int64(1) << 5 * size[negative]
    return values, ends


def pixel_spans(counts: Sequence[bytes]) -> tuple[Integers, Integers, Integers]:
    """The runs of ones of many compressed RLEs, as pixel numbers down the columns.

    Returns first (S,) and last (S,), exclusive, of every span, and start (N + 1,): the spans of RLE i are
    first[start[i] : start[i + 1]]. An empty mask has no span.

    >>> [part.tolist() for part in pixel_spans([b"133O0", b"4"])]
    [[1, 7], [4, 9], [0, 2, 2]]
    """
    lengths, start = run_table(counts)
    until = _cumulative(lengths, start)
    place = np.arange(lengths.size) - np.repeat(start[:-1], np.diff(start))
    ones = (place % 2 == 1) & (lengths > 0)
    span_start = np.concatenate([[0], np.cumsum(ones)])[start]
    return (until - lengths)[ones], until[ones], span_start


def _cumulative(values: Integers, start: Integers) -> Integers:
    """Cumulative sums that begin anew at every start; start (N + 1,) ends with the number of values."""
    running = np.cumsum(values)
    before = np.concatenate([[0], running])[start[:-1]]
    return running - np.repeat(before, np.diff(start))
