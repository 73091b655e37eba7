"""Learning rates by hand."""

import pytest

from wssis.config.training import ScheduleSettings
from wssis.engine.schedule import lr_factor


def test_warmup_and_steps() -> None:
    schedule = ScheduleSettings(iterations=10, warmup=4, warmup_factor=0.2, decay="step", steps=(6, 8), gamma=0.1)
    expected = [0.2, 0.4, 0.6, 0.8, 1, 1, 0.1, 0.1, 0.01, 0.01]
    assert [lr_factor(schedule, step) for step in range(10)] == pytest.approx(expected)


def test_a_step_inside_the_warmup_counts_at_once() -> None:
    schedule = ScheduleSettings(iterations=4, warmup=2, warmup_factor=0.5, decay="step", steps=(1,), gamma=0.1)
    assert [lr_factor(schedule, step) for step in range(4)] == pytest.approx([0.5, 0.075, 0.1, 0.1])


def test_cosine_falls_to_gamma() -> None:
    schedule = ScheduleSettings(iterations=6, warmup=2, warmup_factor=0.5, decay="cosine", steps=(), gamma=0.2)
    factors = [lr_factor(schedule, step) for step in range(7)]
    assert factors == pytest.approx([0.5, 0.75, 1, 0.2 + 0.8 * 0.8535534, 0.6, 0.2 + 0.8 * 0.1464466, 0.2])


def test_constant() -> None:
    schedule = ScheduleSettings(iterations=5, warmup=0, decay="constant", steps=())
    assert {lr_factor(schedule, step) for step in range(5)} == {1.0}
