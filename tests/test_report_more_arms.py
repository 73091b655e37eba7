"""The report of a study with further arms: what cannot be bought, second rounds, and long names in legends."""

import csv
import re
from pathlib import Path

import pandas as pd
import pytest
from report_fixtures import ARMS, MORE_ARMS, MadeUp, make_study, toy_set

from wssis.formats.scores import read_score_table
from wssis.report_page.figures import parts_figure


def _study(tmp_path: Path, arms: dict[str, tuple[str, str, list[str]]]) -> MadeUp:
    sets = toy_set(tmp_path / "images", "train", 20), toy_set(tmp_path / "images", "val", 6)
    return make_study(tmp_path, *sets, tmp_path / "images", {"20pct": 4}, (0,), arms)


def test_hidden_masks_have_no_label_days(tmp_path: Path) -> None:
    made = _study(tmp_path, ARMS | {"oracle-mask": ("Oracle masks", "hidden", ["full", "point"])})
    assert "nobody could buy them" in made.report(resamples=0)
    rows = {row["arm"]: row for row in read_score_table(made.out / "scores.csv")}
    assert rows["oracle-mask"]["label_days_pointwssis"] == rows["oracle-mask"]["label_days_cheng"] == ""
    assert float(rows["wssis"]["label_days_cheng"]) > 0
    with (made.out / "tables/arms-toy-20pct-base.csv").open() as stream:
        table = {line["arm"]: line for line in csv.DictReader(stream)}
    assert table["Oracle masks"]["pays for"] == "cannot be bought"
    assert table["Oracle masks"]["days, PointWSSIS"] == "" and table["WSSIS"]["days, PointWSSIS"]


def test_a_second_round_is_held_against_its_own_rough_masks(tmp_path: Path) -> None:
    made = _study(tmp_path, MORE_ARMS)
    told = "rough masks are those of the first round"
    assert told not in made.report(resamples=0)
    path = next(tmp_path.rglob("quality/never-heard-of.csv"))
    frame = pd.read_csv(path)
    frame["iou_rough"] = 0.97
    frame.to_csv(path, index=False)
    page = made.report(resamples=0)
    assert told in page and "on average 0.97 rough and" in page


@pytest.mark.parametrize(
    "titles", [["rough", "refined"], ["rough", "Semi-supervised, without points", "WSSIS", "WSSIS, second round"]]
)
def test_a_legend_stays_within_its_figure(titles: list[str]) -> None:
    parts = [(f"part {number}", [(title, title, 0.5) for title in titles]) for number in range(3)]
    svg = parts_figure(parts, "legend", [None] * 3)
    width = float(re.findall(r'viewBox="0 0 ([0-9.]+)', svg)[0])
    for title in titles:
        (place,) = re.findall(rf'<text[^>]*x="([-0-9.]+)"[^>]*>{title}</text>', svg)
        assert 0 <= float(place) and float(place) + 4.5 * len(title) <= width
