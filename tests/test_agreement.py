"""Several processes agree on when to stop: often enough, and all at the same step."""

from itertools import pairwise

import pytest
import torch

from wssis.engine import agreement
from wssis.engine.agreement import SECONDS, Agreement
from wssis.engine.distributed import World

TWO = World(0, 2, torch.device("cpu"))


@pytest.mark.parametrize("seconds", [0.01, 0.5, 4.0, 30.0])
def test_a_question_every_few_seconds(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """However long steps are; where one is longer than that, after each."""
    now, asked = [0.0], []

    def reduce(world: World, figures: list[float]) -> list[float]:
        asked.append(now[0])
        return figures

    monkeypatch.setattr(agreement.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(agreement, "largest_of_processes", reduce)
    together = Agreement(TWO, 100)
    for step in range(101, 101 + int(max(60, 5 * seconds) / seconds)):
        now[0] += seconds
        assert not together.stopping(step, wanted=False)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert len(pauses) > 3 and all(pause <= max(SECONDS, seconds) + 1e-6 for pause in pauses)
    assert all(pause > SECONDS / 2 for pause in pauses)


def test_the_slowest_process_sets_the_pace_and_any_may_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [False]
    monkeypatch.setattr(agreement, "largest_of_processes", lambda world, figures: [float(told[0]), 2.5])
    together = Agreement(TWO, 0)
    assert not together.stopping(1, wanted=False)
    told[0] = True
    assert not together.stopping(2, wanted=True), "2.5 s a step: the next question is after two"
    assert together.stopping(3, wanted=False), "another process was told to"


def test_one_process_asks_nobody() -> None:
    alone = Agreement(World(0, 1, torch.device("cpu")), 0)
    assert alone.stopping(1, wanted=True) and not alone.stopping(2, wanted=False)
