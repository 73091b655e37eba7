"""Two sides of a comparison, measured in turn in one process: A B A B ..., and what came of it.

A ratio says how much more the reference takes than ours: 2 is twice as fast, or half the bytes.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import torch

Work = Callable[[], object]

SHORTEST = 0.02
"""Seconds: quicker work is repeated within one measurement until it takes that long."""


@dataclass(frozen=True)
class Conditions:
    """How to measure.

    pairs: how often each side is measured; seconds: after which no further pair is begun; images: of the evaluation
    rows; clock: the time that passes, or the processor time of this process, which other work on the machine
    hardly changes (only with one thread and without a GPU is it what would pass on an idle machine).
    """

    device: torch.device
    threads: int
    pairs: int
    seconds: float
    images: int
    clock: Literal["wall", "cpu"]

    @property
    def cuda(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.type == "cuda"


@dataclass(frozen=True)
class Row:
    """What one row of the table compares.

    sides: builds ours and the reference, which do the same work on the same input; called when the row's turn comes.
    wanted: the least ratio, None where none is asked. unit: "s" measures how long the sides take; "bytes" takes the
    number that they return. where: "cpu" or "disk" where the row never uses the GPU. check: is given what the two sides
    return, once, and raises where they do not agree.
    """

    what: str
    sides: Callable[[], tuple[Work, Work]]
    wanted: float | None
    where: str
    unit: Literal["s", "bytes"] = "s"
    check: Callable[[Any, Any], None] | None = None


@dataclass(frozen=True)
class Result:
    """A measured row.

    ours, reference: medians; ratio: of these medians; low, high: least and greatest ratio of the two sides of one pair;
    pairs: how many there were.
    """

    row: Row
    ours: float
    reference: float
    low: float
    high: float
    pairs: int

    @property
    def ratio(self) -> float:
        """How much more the reference takes."""
        return self.reference / self.ours

    @property
    def met(self) -> bool | None:
        """Whether the wanted ratio is reached; None where none is wanted."""
        return None if self.row.wanted is None else self.ratio >= self.row.wanted


def measure(row: Row, conditions: Conditions) -> Result:
    """Measure both sides in turn and compare their outcomes once. The first pair counts only if no other is wanted."""
    sides = row.sides()
    until = time.perf_counter() + conditions.seconds
    first, outcomes = zip(*(_timed(side, 1, conditions) for side in sides), strict=True)
    if row.check is not None:
        row.check(*outcomes)
    if row.unit == "bytes":
        pairs = [[float(size) for size in outcomes]]
    else:
        pairs = [list(first)] if conditions.pairs == 1 else _pairs(sides, list(first), until, conditions)
    ratios = [reference / ours for ours, reference in pairs]
    ours, reference = (median(pair[side] for pair in pairs) for side in (0, 1))
    return Result(row, ours, reference, min(ratios), max(ratios), len(pairs))


def _pairs(sides: tuple[Work, Work], first: list[float], until: float, conditions: Conditions) -> list[list[float]]:
    """Seconds of both sides, at least one pair; after the time `until` no further one is begun."""
    rounds = [max(1, math.ceil(SHORTEST / max(seconds, 1e-9))) for seconds in first]
    pairs: list[list[float]] = []
    while not pairs or (len(pairs) < conditions.pairs and time.perf_counter() < until):
        pairs.append([_timed(side, count, conditions)[0] for side, count in zip(sides, rounds, strict=True)])
    return pairs


def _timed(work: Work, rounds: int, conditions: Conditions) -> tuple[float, object]:
    """Seconds of one call, the mean of `rounds` calls, and its outcome; what runs on the GPU is waited for."""
    clock = time.process_time if conditions.clock == "cpu" else time.perf_counter
    _wait(conditions)
    begun = clock()
    for _ in range(rounds):
        outcome = work()
    _wait(conditions)
    return (clock() - begun) / rounds, outcome


def _wait(conditions: Conditions) -> None:
    if conditions.cuda:
        torch.cuda.synchronize(conditions.device)
