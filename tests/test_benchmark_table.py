"""What the benchmarks print, and in which order they measure."""

from dataclasses import replace

import pytest
import torch

from benchmarks.__main__ import BENCHMARKS
from benchmarks.measuring import Conditions, Result, Row, measure
from benchmarks.table import amount, table

CONDITIONS = Conditions(torch.device("cpu"), threads=1, pairs=3, seconds=60.0, images=5, clock="wall")


def _row(wanted: float | None = 2.0, **more: object) -> Row:
    return Row("a row", lambda: (lambda: 3, lambda: 12), wanted, "cpu", **more)


def test_sides_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []
    monkeypatch.setattr("benchmarks.measuring.SHORTEST", 0.0)
    row = Row("a row", lambda: (lambda: turns.append("A"), lambda: turns.append("B")), None, "cpu")
    result = measure(row, CONDITIONS)
    assert "".join(turns) == "AB" * 4 and result.pairs == 3  # the first pair warms up
    assert result.low <= result.high and result.met is None


def test_a_single_pair_is_not_warmed_up() -> None:
    runs: list[str] = []
    row = Row("a row", lambda: (lambda: runs.append("A"), lambda: runs.append("B")), None, "cpu")
    assert measure(row, replace(CONDITIONS, pairs=1)).pairs == 1 and runs == ["A", "B"]


def test_no_further_pair_is_begun_when_time_is_over() -> None:
    assert measure(_row(), replace(CONDITIONS, seconds=0.0)).pairs == 1


def test_bytes_are_taken_as_they_are() -> None:
    result = measure(_row(unit="bytes"), CONDITIONS)
    assert (result.ours, result.reference, result.ratio, result.pairs, result.met) == (3, 12, 4, 1, True)


def test_sides_that_disagree_are_not_timed() -> None:
    def check(ours: int, reference: int) -> None:
        raise RuntimeError(f"{ours} is not {reference}")

    with pytest.raises(RuntimeError, match="3 is not 12"):
        measure(_row(check=check), CONDITIONS)


def test_a_missed_ratio_is_said() -> None:
    results = [Result(_row(wanted), 0.002, 0.007, 3.1, 3.9, 3) for wanted in (2.0, 5.0, None)]
    lines = table(results).splitlines()
    assert lines[2].split() == "a row cpu 2 ms 7 ms 3.5 3.1-3.9 3 2 yes".split()
    assert lines[3].endswith("NO") and lines[-1] == "1 of 2 wanted ratios are met."


@pytest.mark.parametrize(
    ("value", "unit", "text"), [(2.5, "s", "2.5 s"), (3e-7, "s", "0.3 us"), (22_282_240, "bytes", "22.3 MB")]
)
def test_amounts(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_wanted_ratio_has_a_row(device: str) -> None:
    conditions = Conditions(torch.device(device), 1, 1, 1.0, 5, "wall")
    rows = [row for rows in BENCHMARKS.values() for row in rows(conditions)]
    assert len({row.what for row in rows}) == len(rows)
    assert sum(row.wanted is not None for row in rows) == (15 if device == "cuda" else 14)
