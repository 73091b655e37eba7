"""The report on arms that buy boxes with points: held against the same segmentor on masks, priced by their own file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from wssis.arms.registry import arms
from wssis.engine.label_costs import LabelCounts
from wssis.formats.atomic import write_json
from wssis.report_page.compare import Comparison, compare_group
from wssis.report_page.cost_figures import SpentPoint, log_axis, mix_figure
from wssis.report_page.plan import PlannedArm, PlannedRow
from wssis.report_page.results import ArmResult, Group, Result, _points
from wssis.report_page.sections import gap_table
from wssis.report_page.words import answer, boxed_answers, headline, not_paid

AP = {"supervised": 20.0, "oracle": 30.0, "points10": 27.0, "points10-implicit": 28.0, "points10-selftrain": 26.0,
      "points10-solov2": 25.0, "mask-rcnn-supervised": 10.0, "mask-rcnn-oracle": 30.0}  # fmt: skip


def _arm(name: str) -> PlannedArm:
    arm = arms()[name]
    return PlannedArm(name=name, title=arm.title, explanation=arm.explanation, pays=arm.pays, pseudo=arm.pseudo,
                      segmentor=arm.segmentor)  # fmt: skip


def _group(*names: str, **changes: float) -> tuple[Group, dict[str, np.ndarray]]:
    """A group of one seed, and what its networks have on validation."""
    found, samples = {}, {}
    for name in names:
        arm, mix = _arm(name), "100pct" if arms()[name].mix == "100pct" else "10pct"
        row = PlannedRow(dataset="toy", mix=mix, full_percent=10, seed="s0", arm=name, run=mix, scores=f"{name}.json")
        days = dict.fromkeys(("pointwssis", "cheng"), 100.0 if mix == "100pct" else 40.0)
        ap = changes.get(name.replace("-", "_"), AP[name])
        result = Result(row, arm, {"AP": ap}, {}, "none", {}, days, days)
        found[name], samples[row.scores] = ArmResult(arm, {"s0": result}), np.full(3, ap)
    return Group("toy", "10pct", 10, "base", found), samples


def test_each_arm_is_held_against_its_own_segmentor() -> None:
    group, samples = _group(*AP)
    comparison = compare_group(group, samples)
    pairs = {(one.arm, one.other): one.mean for one in comparison.differences}
    assert pairs["points10", "mask-rcnn-supervised"] == 17 and pairs["points10-selftrain", "supervised"] == 6
    assert pairs["points10-implicit", "points10"] == 1
    assert pairs["points10-solov2", "supervised"] == 5 and pairs["points10-solov2", "points10-selftrain"] == -1
    assert not {("points10", "supervised"), ("points10-solov2", "points10")} & pairs.keys()
    gaps = {name: gap.percent for name, gap in comparison.gaps.items()}
    assert gaps == {"points10": 85, "points10-implicit": 90, "points10-selftrain": 60, "points10-solov2": 50}


def test_without_a_baseline_the_oracle_is_the_reference() -> None:
    group, samples = _group("points10", "mask-rcnn-oracle")
    comparison = compare_group(group, samples)
    assert [(one.arm, one.other, one.mean) for one in comparison.differences] == [
        ("points10", "mask-rcnn-oracle", -3)
    ]
    told = boxed_answers(group, comparison)
    assert headline(group, comparison) == answer([group], {group.key: comparison}) == told
    assert told == [
        "Points in boxes: <b>27.0 AP</b> against 30.0 of Mask R-CNN, oracle, which has all masks: <b>90 %</b>"
        " [90, 90] of it, for 40 % of its label days (40 % by the other cost model; one seed)."
    ]
    assert "against 30.0 of Mask R-CNN, oracle, which" in boxed_answers(*_compared("points10-implicit"))[0]


def _compared(*names: str, **changes: float) -> tuple[Group, Comparison]:
    """Arms beside both oracles, with no baseline."""
    group, samples = _group(*names, "oracle", "mask-rcnn-oracle", **changes)
    return group, compare_group(group, samples)


def test_solov2_arms_without_a_baseline_are_held_against_its_oracle() -> None:
    """A mix without masks has no supervised arm."""
    _, comparison = _compared("points10-solov2", "points10-selftrain")
    pairs = {(one.arm, one.other): one.mean for one in comparison.differences}
    assert pairs == {
        ("points10-solov2", "oracle"): -5, ("points10-selftrain", "oracle"): -4,
        ("points10-selftrain", "points10-solov2"): 1,
    }  # fmt: skip


def test_the_share_is_of_the_seeds_that_both_have_and_has_an_interval() -> None:
    group, samples = _group("points10", "mask-rcnn-oracle")
    arm = group.arms["points10"]
    alone = replace(arm.seeds["s0"], row=arm.seeds["s0"].row.model_copy(update={"seed": "s1", "scores": "s1.json"}))
    group.arms["points10"] = ArmResult(arm.arm, {"s0": arm.seeds["s0"], "s1": alone})
    samples |= {"points10.json": np.array([27.0, 24.0, 28.0]), "s1.json": np.full(3, 3.0)}
    share = compare_group(group, samples).shares["points10"]
    assert (share.ap, share.oracle, share.percent) == (27, 30, 90)
    assert 80 <= share.interval[0] < 81 < 92 < share.interval[1] <= 94


def test_every_gap_names_its_ends_where_they_differ() -> None:
    group, samples = _group(*AP)
    table = gap_table(group, compare_group(group, samples))
    ends = {line[0].text: (line[3].text, line[4].text) for line in table.lines}
    assert ends["Points in boxes"] == ("Mask R-CNN, supervised", "Mask R-CNN, oracle")
    assert ends["Points in boxes, self-trained"] == ("Supervised", "Oracle")
    group, samples = _group("points10", "mask-rcnn-supervised", "mask-rcnn-oracle")
    assert len(gap_table(group, compare_group(group, samples)).head) == 3


def test_one_mix_with_an_answer_does_not_hide_the_boxes_of_another() -> None:
    method = PlannedArm(name="wssis", title="WSSIS", explanation="E.", pays=("full", "point"), pseudo="refined")
    group, samples = _group("supervised", "points10")
    other, more = _group("points10", points10=12.5)
    result = replace(group.arms["supervised"].seeds["s0"], arm=method, scores={"AP": 25.0})
    row = result.row.model_copy(update={"arm": "wssis", "scores": "wssis.json"})
    labelled = {kind: LabelCounts(images=10, objects=20, pairs=15, empty=0, categories=3) for kind in method.pays}
    group.arms["wssis"] = ArmResult(method, {"s0": replace(result, row=row, labelled=labelled)})
    other = replace(other, mix="boxes", full_percent=0)
    comparisons = {group.key: compare_group(group, samples | {"wssis.json": np.full(3, 25.0)}),
                   other.key: compare_group(other, more)}  # fmt: skip
    told = answer([group, other], comparisons)
    assert told[:-1] == headline(group, comparisons[group.key])
    assert told[-1] == "0 % (boxes): Points in boxes: <b>12.5 AP</b> for 40.0 label days (one seed)."


def test_no_share_of_next_to_nothing() -> None:
    (told,) = boxed_answers(*_compared("points10", mask_rcnn_oracle=0.1))
    assert "%</b>" not in told and "against 0.1 of Mask R-CNN, oracle, which has all masks for 40 %" in told


def test_what_is_not_paid_for() -> None:
    assert not_paid(_arm("points10")) == not_paid(_arm("points10-solov2")) == "the masks of the images with boxes"
    assert not_paid(_arm("mask-rcnn-oracle")) == "nothing: it has every mask"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "10 in each box"),
        ({"points": 5, "noise": "boundary"}, "5 in each box; 5 % wrong, boundary"),
        ({"file": "mine.json"}, "given in boxes"),
    ],
)
def test_points_in_words(tmp_path: Path, changes: dict, words: str) -> None:
    settings = {"points": 10, "noise": "none", "noise_share": 0.05, "file": None} | changes
    write_json(tmp_path / "box_points.manifest.json", {"settings": settings, "outputs": {}})
    place = {"dataset": "toy", "mix": "10pct", "full_percent": 10, "seed": "s0", "arm": "points10"}
    row = PlannedRow(**place, run=str(tmp_path), scores="s")
    assert _points(row, _arm("points10")) == words


@pytest.mark.parametrize("shares", [(0.0,), (0.0, 10.0), (0.0, 0.5, 10.0), (5.0, 20.0)])
def test_a_mix_without_masks_has_its_place_on_the_axis(shares: tuple[float, ...]) -> None:
    points = [SpentPoint("points10", "Points in boxes", share, 10 + share, None, []) for share in shares]
    told = mix_figure(points, "test")
    assert all(f">{share:g} %<" in told for share in shares)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([30, 3000], ["50", "100", "200", "500", "1000", "2000"]),
        ([3.2], ["3", "4"]),
        ([0.017], ["0.015", "0.02"]),
        ([1234], ["1000", "1500"]),
    ],
)
def test_an_axis_has_numbers_however_short_it_is(values: list[float], labels: list[str]) -> None:
    axes = Figure().subplots()
    log_axis(axes, values)
    assert [label.get_text() for label in axes.get_xticklabels()] == labels
