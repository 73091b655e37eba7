"""benchmarks.mask_measures: which measure of the pseudo masks follows AP."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.mask_measures import SAME, correlations, rows
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
