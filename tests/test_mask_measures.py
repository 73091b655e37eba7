"""benchmarks.mask_measures: which measure of the pseudo masks follows AP."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.mask_measures import SAME, SHARE, ceilings, correlations, rows, with_ceilings
from wssis.formats.scores import SCORE_KEYS, write_scores

IOUS = {"poor": [0.1, 0.4, 0.55], "middling": [0.3, 0.6, 0.7], "good": [0.5, 0.8, None, 0.9]}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A study of three variants on two seeds, of which the second one's students are better all over."""
    for seed, offset in (("s0", 0.0), ("s1", 20.0)):
        for variant, ious in IOUS.items():
            run = tmp_path / "mine/shapes/10pct" / seed / variant
            (run / "quality").mkdir(parents=True)
            (run / "students/wssis").mkdir(parents=True)
            pd.DataFrame({"iou_pseudo": ious}).to_csv(run / "quality/wssis.csv", index=False)
            share = sum((iou or 0) >= 0.75 for iou in ious) / len(ious)
            scores = dict.fromkeys(SCORE_KEYS) | {"AP": 40 * share + offset}
            write_scores(run / "students/wssis/scores.json", scores)
    (tmp_path / "mine/shapes/10pct/s0/poor/quality/rough.csv").write_text("iou_pseudo\n0.1\n")  # It has no student.
    return tmp_path / "mine"


def test_a_measure_that_ap_follows_leaves_nothing(results: Path) -> None:
    table = pd.DataFrame(list(rows(results)))
    assert len(table) == 6 and set(table.arm) == {"wssis"}
    assert table[SAME].iloc[0].tolist() == ["mine", "shapes", "10pct", "s0", "wssis"]
    good = table[table.variant == "good"].iloc[0]
    assert good["mean IoU"] == pytest.approx(0.55) and good["share at IoU .75"] == 0.5
    found = correlations(table)
    best = found.loc["share at IoU .75"]
    assert best.correlation == pytest.approx(1) and best.left == pytest.approx(0)
    assert best["AP per .01"] == pytest.approx(0.4)
    assert found.loc["mean IoU"].correlation < 0.9


def test_what_is_left_to_gain(results: Path) -> None:
    scores = results / "shapes/10pct/s0/poor/students/oracle-mask/scores.json"
    scores.parent.mkdir()
    write_scores(scores, dict.fromkeys(SCORE_KEYS) | {"AP": 30.0})
    found = with_ceilings(pd.DataFrame(list(rows(results))), pd.DataFrame(list(ceilings(results))))
    assert set(found.seed) == {"s0"} and len(found) == 3, "s1 has no student of hidden masks"
    poor = found[found.variant == "poor"].iloc[0]
    assert poor[SHARE] == pytest.approx(2 / 30)  # Of three masks one, at IoU .5 and .55.
    assert poor["AP per .01 left"] == pytest.approx(30 / (1 - 2 / 30) / 100)
