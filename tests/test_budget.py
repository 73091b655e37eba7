"""Planning by a study's own curve: what it says between mixes, and what it does not say."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from wssis.cli import app
from wssis.errors import InputError
from wssis.report_page.budget import advise, pareto
from wssis.report_page.budget_text import budget_text
from wssis.report_page.costs import choice_text
from wssis.report_page.curves import Curves, Measured, StudyCurves, read_curves, write_curves

DRAWS = np.random.default_rng(0).normal(0, 0.5, 200)
VIEW = "pointwssis"


def measured(
    arm: str, percent: float, days: float, ap: tuple[float, float], pays: tuple[str, ...] = ("full",)
) -> Measured:
    """One record of two seeds; its resamples lie around its mean, for all records alike."""
    return Measured(
        arm=arm, title=arm.title(), mix=f"{percent:g}pct", full_percent=percent,
        labelled={kind: 2 * (percent if kind == "full" else 100 - percent) for kind in pays},
        days={key: days * factor for key, factor in (("pointwssis", 1), ("pointwssis_known", 0.5), ("cheng", 2),
              ("cheng_known", 1.5))},
        ap={"s0": ap[0], "s1": ap[1]}, resampled=tuple(float(np.mean(ap) + draw) for draw in DRAWS),
    )  # fmt: skip


def study(*points: Measured) -> Curves:
    return Curves(dataset="toy", variant="base", seeds=("s0", "s1"), points=points)


BOTH = ("full", "point")
TWO = study(
    measured("supervised", 10, 10, (19, 21)),
    measured("supervised", 40, 40, (29, 31)),
    measured("wssis", 10, 16, (26, 28), BOTH),
    measured("wssis", 40, 64, (33, 35), BOTH),
    measured("oracle", 100, 100, (38, 40)),
)


def test_own_seconds_are_answered_where_the_report_has_counted_them() -> None:
    days = [point.days | {"measured": point.days["cheng"] / 4} for point in TWO.points]
    own = [point.model_copy(update={"days": one}) for point, one in zip(TWO.points, days, strict=True)]
    text = budget_text(StudyCurves(study="a", categories_known=False, curves=(study(*own),)), 16)
    assert text.count("days by") == 3 and "16 days by own measured seconds" in text
    only = budget_text(StudyCurves(study="a", categories_known=False, curves=(study(*own),)), 16, "measured")
    assert only in text and only.count("days by") == 1
    without = StudyCurves(study="a", categories_known=False, curves=(TWO,))
    assert "own measured" not in budget_text(without, 16)
    with pytest.raises(InputError, match=r"report\.cost\.measured"):
        budget_text(without, 16, "measured")


def test_measured_mix_is_told_as_measured() -> None:
    advice = advise(TWO, 16, VIEW)
    assert advice.best.arm == "wssis" and advice.best.between is None
    assert advice.best.mean == pytest.approx(27) and advice.best.full_percent == 10
    assert advice.note == ""


def test_between_two_mixes_days_are_linear_and_ap_is_linear_over_their_logarithm() -> None:
    advice = advise(TWO, 32, VIEW)
    best = advice.best
    assert best.between == ("10pct", "40pct") and best.days == 32
    assert best.mean == pytest.approx((27 + 34) / 2)  # 32 is half way from 16 to 64 on a logarithmic axis
    assert best.full_percent == pytest.approx(10 + 30 * (32 - 16) / (64 - 16))
    assert best.ap == pytest.approx({"s0": 29.5, "s1": 31.5})


def test_rival_is_another_arm_and_the_difference_is_paired() -> None:
    advice = advise(TWO, 32, VIEW)
    assert advice.rival.arm == "supervised"
    mean, (low, high) = advice.difference
    assert mean == pytest.approx(advice.best.mean - advice.rival.mean)
    assert low == pytest.approx(mean) and high == pytest.approx(mean)  # the draws are the same, so they cancel
    assert advice.wins == 1 and advice.seeds_won == 2


def test_draws_that_differ_leave_doubt() -> None:
    noisy = TWO.points[2].model_copy(update={"resampled": tuple(20.5 - 3 * draw for draw in DRAWS)})
    advice = advise(study(TWO.points[0], noisy, TWO.points[1]), 16, VIEW)
    assert 0 < advice.wins < 1
    low, high = advice.difference[1]
    assert low < 0 < high


def test_under_the_cheapest_mix_there_is_no_answer() -> None:
    advice = advise(TWO, 9.9, VIEW)
    assert advice.best is None and "cheapest mix measured costs 10 days" in advice.note


def test_nothing_is_extrapolated() -> None:
    advice = advise(TWO, 90, VIEW)
    assert (advice.best.arm, advice.best.days, advice.best.between) == ("wssis", 64, None)
    assert "leaves 26 days of it unspent" in advice.note
    beyond = advise(TWO, 1000, VIEW)
    assert beyond.best.arm == "oracle" and beyond.best.mean == pytest.approx(39)
    assert "Nothing dearer than 100 days was measured" in beyond.note


def test_a_dearer_mix_that_is_worse_is_not_chosen() -> None:
    falling = study(measured("wssis", 10, 10, (30, 30), BOTH), measured("wssis", 40, 40, (20, 20), BOTH))
    advice = advise(falling, 30, VIEW)
    assert advice.best.full_percent == 10 and advice.best.mean == pytest.approx(30)


def test_one_mix_is_no_curve() -> None:
    one = study(TWO.points[0], TWO.points[2], TWO.points[4])
    advice = advise(one, 50, VIEW)
    assert not advice.curve and advice.note.endswith("leaves 34 days of it unspent.")
    assert advice.best.arm == "wssis" and advice.best.between is None
    text = budget_text(StudyCurves(study="a", categories_known=False, curves=(one,)), 50, VIEW)
    assert "One mix: no curve" in text and "The best measured within the budget:" in text
    assert text.endswith(advice.note)


def test_views_count_their_own_days() -> None:
    assert advise(TWO, 16, "pointwssis_known").best.days == 16  # 32 days of the other view: between two mixes
    curves = StudyCurves(study="a", categories_known=True, curves=(TWO,))
    text = budget_text(curves, 16)
    assert "PointWSSIS, categories known" in text and "Cheng et al., categories known" in text
    assert "categories unknown" in budget_text(curves, 16, categories_known=False)


def test_without_resamples_there_is_no_interval() -> None:
    bare = study(*(point.model_copy(update={"resampled": ()}) for point in TWO.points))
    advice = advise(bare, 32, VIEW)
    assert advice.wins is None and advice.best.interval is None and advice.difference[1] is None
    assert "AP" in budget_text(StudyCurves(study="a", categories_known=False, curves=(bare,)), 32)


def test_ties_stay_on_the_pareto_front() -> None:
    assert pareto([(1, 10), (1, 10), (2, 10), (3, 11)]) == [True, True, False, True]
    assert pareto([]) == []


def test_curves_come_back_from_disk(tmp_path: Path) -> None:
    curves = StudyCurves(study="a", categories_known=False, curves=(TWO,))
    write_curves(tmp_path / "curves.json", curves)
    assert read_curves(tmp_path / "curves.json") == curves
    with pytest.raises(InputError, match="whose report is written"):
        read_curves(tmp_path / "none.json")
    (tmp_path / "curves.json").write_text('{"study": 1}')
    with pytest.raises(InputError, match="not as the report writes it"):
        read_curves(tmp_path / "curves.json")
    with pytest.raises(InputError, match="it has toy base"):
        budget_text(curves, 1, dataset="cars")


def test_every_kind_of_label_is_counted() -> None:
    """Boxes with points on a fifth and on all of 200 images: between, a budget says on how many."""
    fifth, whole = (
        measured("points10", 0, cost, ap).model_copy(update={"mix": mix, "labelled": {"points10": images}})
        for mix, cost, ap, images in (("fifth", 20, (20, 20), 40.0), ("all", 100, (30, 30), 200.0))
    )
    curves = study(fifth, whole)
    assert choice_text(advise(curves, 20, VIEW).best) == "Points10: boxes with points on 40 images"
    between = advise(curves, 60, VIEW).best
    assert choice_text(between) == "Points10: boxes with points on 120 images, between fifth and all"
    mixed = fifth.model_copy(update={"full_percent": 10.0, "labelled": {"full": 20.0, "point": 90.0, "points10": 90.0}})
    told = choice_text(advise(study(mixed), 20, VIEW).best)
    assert told == "Points10: masks on 10 % (20 images), points on 90 images, boxes with points on 90 images"
    alone = advise(TWO, 10, VIEW).best
    assert choice_text(alone) == "Supervised: masks on 10 % (20 images), no labels on the rest"


def test_command_line(tmp_path: Path) -> None:
    curves = StudyCurves(study="a", categories_known=False, curves=(TWO,))
    write_curves(tmp_path / "report" / "curves.json", curves)
    done = CliRunner().invoke(app, ["budget", str(tmp_path), "--days", "32", "--cost-model", "pointwssis"])
    assert done.exit_code == 0, done.output
    assert "Wssis: masks on 20 % (40 images), points on 160 images, between 10pct and 40pct" in done.output
    assert "30.5 AP" in done.output and "before Supervised: masks on 32 %" in done.output
    assert "best in 100 % of the resamples and in 2 of 2 seeds" in done.output
    assert "Cheng" not in done.output
