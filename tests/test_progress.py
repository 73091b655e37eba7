"""What a log says of a long training: lines with figures, and a sign of life where steps are slow."""

import io

import pytest

from wssis.engine import progress
from wssis.engine.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in seconds; tests set it."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def _train(clock: list[float], seconds: float, steps: int, every: int = 20) -> list[str]:
    stream = io.StringIO()
    with Progress("teacher", steps, stream=stream) as shown:
        for step in range(1, steps + 1):
            clock[0] += seconds
            shown.advance()
            if step == 1 or step % every == 0 or step == steps:
                shown.report(step, {"dice": 1.0}, 2.0)
    return stream.getvalue().splitlines()


def test_slow_steps_have_a_line_a_minute(clock: list[float]) -> None:
    lines = _train(clock, 9.0, 41)
    bare = [line for line in lines if "dice" not in line]
    assert lines[0] == "teacher: step 1/41, dice 1.000, 2.0 images/s"
    assert bare[:2] == ["teacher: step 8/41", "teacher: step 15/41"]
    assert [line.split(",")[0] for line in lines if "dice" in line] == [
        "teacher: step 1/41", "teacher: step 20/41", "teacher: step 40/41", "teacher: step 41/41",
    ]  # fmt: skip


def test_quick_steps_have_figures_alone(clock: list[float]) -> None:
    lines = _train(clock, 0.5, 100)
    assert all("dice" in line for line in lines)
    assert [line.split(",")[0] for line in lines] == [
        "teacher: step 1/100", "teacher: step 60/100", "teacher: step 100/100",
    ]  # fmt: skip


def test_hidden_processes_say_nothing() -> None:
    stream = io.StringIO()
    with Progress("teacher", 1, shown=False, stream=stream) as shown:
        shown.advance()
        shown.say("done")
    assert stream.getvalue() == ""
