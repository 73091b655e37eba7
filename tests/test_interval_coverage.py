"""How often the intervals of AP miss is counted, and on which side."""

import numpy as np
import pytest

from benchmarks import interval_coverage
from benchmarks.interval_coverage import drawn_again, misses


def test_nothing_is_missed_where_every_set_has_the_same_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interval_coverage, "resampled_ap", lambda _, weights, recalls: np.full(len(weights), 40.0))
    found = misses([([], np.zeros(1))], images=6, sets=5, resamples=20, seed=0)
    assert {name: [*shares] for name, shares in found.items()} == {"percentile": [0, 0], "mirrored": [0, 0]}


def test_resamples_that_lie_too_high_put_the_truth_below_plain_intervals_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets have the truth, 40; what is drawn from them lies 5 to 6 above: a mirrored interval lies as far below."""

    def shifted(matches: list, weights: np.ndarray, recalls: np.ndarray) -> np.ndarray:
        return np.concatenate([[40.0], np.linspace(45, 46, len(weights) - 1)])

    monkeypatch.setattr(interval_coverage, "resampled_ap", shifted)
    found = misses([([], np.zeros(1))], images=6, sets=5, resamples=20, seed=0)
    assert [*found["percentile"]] == [1, 0], "the truth is below"
    assert [*found["mirrored"]] == [0, 1], "the truth is above"


def test_a_set_is_drawn_from_the_images_it_has() -> None:
    weights = np.array([3, 0, 1, 0, 2])
    drawn = drawn_again(weights, 400, np.random.default_rng(0))
    assert drawn.shape == (400, 5) and set(drawn.sum(1)) == {6}
    assert not drawn[:, [1, 3]].any()
    assert drawn.mean(0) == pytest.approx(weights, abs=0.2)
