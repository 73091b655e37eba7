"""The report of a study of several mixes: which share of masks, and what a budget buys."""

import json
from dataclasses import replace
from pathlib import Path

from report_fixtures import MadeUp, make_study, toy_set, write_coco_classes

from wssis.config.report import ReportSettings
from wssis.report_page.ap_samples import sample_networks
from wssis.report_page.budget_text import budget_text
from wssis.report_page.compare import Comparison, compare_all
from wssis.report_page.curves import CURVES, StudyCurves, read_curves
from wssis.report_page.mixes import mix_picture
from wssis.report_page.plan import read_plan
from wssis.report_page.published import published_table
from wssis.report_page.results import ArmResult, group_results, load_results
from wssis.report_page.words import answer, headline


def _mixes(tmp_path: Path, **changes: dict) -> MadeUp:
    """A study of two mixes, 20pct and 50pct; the rows of a mix are changed as told."""
    sets = toy_set(tmp_path / "images", "train", 20), toy_set(tmp_path / "images", "val", 6)
    made = make_study(tmp_path, *sets, tmp_path / "images", {"20pct": 4, "50pct": 10}, seeds=(0,))
    rows = [row | changes.get(f"mix_{row['mix']}", {}) for row in made.plan["rows"]]
    return replace(made, plan=made.plan | {"rows": rows})


def test_two_mixes_share_the_oracle(tmp_path: Path) -> None:
    made = _mixes(tmp_path)
    text = made.report(resamples=10)
    assert 'id="toy-20pct-base"' in text and 'id="toy-50pct-base"' in text
    plan = read_plan(json.dumps(made.plan))
    groups = group_results(plan, load_results(plan, ReportSettings().cost))
    assert [group.mix for group in groups] == ["20pct", "50pct"]
    assert all("oracle" in group.arms for group in groups)
    assert "points on others are ahead of the masks alone at all 2 mixes" in text
    assert "mask AP over the share of images with masks" in text and 'id="table-mixes-toy-base"' in text
    assert "The best mix for a budget" in text and "One mix: no curve" not in text
    curves = read_curves(made.out / CURVES)
    assert "between 20pct and 50pct" in budget_text(curves, _middle(curves), "pointwssis")


def test_two_mixes_of_one_share_are_both_told(tmp_path: Path) -> None:
    made = _mixes(tmp_path, mix_50pct={"mix": "clicks", "full_percent": 20.0})
    text = made.report(resamples=0)
    ap = {row["mix"]: f"{json.loads(Path(row['scores']).read_text())['AP']:.1f}"
          for row in made.plan["rows"] if row["arm"] in ("wssis", "oracle")}  # fmt: skip
    assert f"WSSIS 20 %: {ap['20pct']}, 20 % (clicks): {ap['clicks']}" in text
    assert "With masks on 20 % of the images" in text and "at all 2 mixes" in text
    for table in ("mixes-toy-base", "cost-toy-base"):
        assert "20 % (clicks)" in (made.out / f"tables/{table}.csv").read_text()
    plan = read_plan(json.dumps(made.plan))
    groups = group_results(plan, load_results(plan, ReportSettings().cost))
    write_coco_classes(tmp_path / "coco.json")
    table = published_table("toy", groups, tmp_path / "coco.json")
    lines = {line[0].text: line[1].text for line in table.lines}
    assert lines.items() >= {"20 %": ap["20pct"], "20 % (clicks)": ap["clicks"], "100 %": ap["100pct"]}.items()


def test_no_ap_below_all_masks(tmp_path: Path) -> None:
    made = _mixes(tmp_path)
    plan = read_plan(json.dumps(made.plan))
    groups = group_results(plan, load_results(plan, ReportSettings().cost))
    bare = [replace(g, arms={n: _without_ap(a) if n != "oracle" else a for n, a in g.arms.items()}) for g in groups]
    comparisons = {group.key: Comparison((), {}, dict.fromkeys(group.arms), {}) for group in bare}
    assert mix_picture(bare, comparisons) is None
    assert mix_picture(groups, comparisons) is not None


def _without_ap(arm: ArmResult) -> ArmResult:
    return replace(arm, seeds={seed: replace(r, scores={**r.scores, "AP": None}) for seed, r in arm.seeds.items()})


def test_headline_names_only_mixes_with_a_difference(tmp_path: Path) -> None:
    made = _mixes(tmp_path)
    rows = [row for row in made.plan["rows"] if (row["mix"], row["arm"]) != ("50pct", "wssis")]
    plan = read_plan(json.dumps(made.plan | {"rows": rows}))
    groups = group_results(plan, load_results(plan, ReportSettings().cost))
    networks = [result for group in groups for arm in group.arms.values() for result in arm.seeds.values()]
    comparisons = compare_all(groups, sample_networks(networks, made.results, resamples=0))
    told = answer(groups, comparisons)
    assert told == headline(groups[0], comparisons[groups[0].key]) and "50" not in told[0].partition("give")[0]


def _middle(curves: StudyCurves) -> float:
    """A budget between the two mixes of wssis, above that of the next dearest arm."""
    days = sorted(point.days["pointwssis"] for point in curves.curves[0].points if point.arm == "wssis")
    return (days[0] + days[1]) / 2
