"""Arms: one module each, found by itself; and the rows they give a study."""

import json
from pathlib import Path

import pytest

import wssis.arms
from wssis.arms.registry import arms, get_arm, with_teachers
from wssis.config.default_study import DEFAULT_STUDY
from wssis.config.merging import merged
from wssis.config.plan import plan_json, plan_rows, run_folder, run_mixes
from wssis.config.resolve import resolve, settings_json
from wssis.config.study import Study
from wssis.config.validate import validate_study
from wssis.errors import InputError

NEW_ARM = '''
"""An arm for this test."""

from wssis.arms.arm import Arm

ARM = Arm(name="only-points", title="T", explanation="E.", pays=("point",), pseudo="rough")
'''


def study(**run: list[str]) -> Study:
    return validate_study(merged(DEFAULT_STUDY, {"run": run}))


@pytest.fixture
def new_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more module in the package of arms, and nothing else."""
    (tmp_path / "only_points.py").write_text(NEW_ARM)
    monkeypatch.setattr(wssis.arms, "__path__", [*wssis.arms.__path__, str(tmp_path)])
    arms.cache_clear()
    yield
    arms.cache_clear()


def test_the_arms_there_are() -> None:
    assert list(arms()) == [
        "mask-rcnn-oracle", "mask-rcnn-supervised", "oracle", "oracle-mask", "points10", "points10-implicit",
        "points10-selftrain", "points10-solov2", "rough", "semi", "supervised", "supervised-short", "wssis", "wssis-2",
        "wssis-long",
    ]  # fmt: skip
    assert all(arm.title and arm.explanation.endswith(".") for arm in arms().values())


def test_students_in_the_place_of_the_teacher() -> None:
    assert with_teachers(["rough", "points10-selftrain", "wssis-2"]) == [
        "rough", "points10-selftrain", "points10", "wssis-2", "wssis",
    ]  # fmt: skip
    assert with_teachers(["wssis", "wssis-2"]) == ["wssis", "wssis-2"]


def test_what_each_arm_trains_on_and_pays_for() -> None:
    assert {name: (arm.training_set, arm.pays, arm.mix) for name, arm in arms().items()} == {
        "supervised": ("full.json", ("full",), "each"),
        "supervised-short": ("full.json", ("full",), "each"),
        "rough": ("pseudo/rough.json", ("full", "point"), "each"),
        "wssis": ("pseudo/wssis.json", ("full", "point"), "each"),
        "oracle": ("full.json", ("full",), "100pct"),
        "oracle-mask": ("pseudo/oracle-mask.json", ("full", "point"), "each"),
        "semi": ("pseudo/semi.json", ("full",), "each"),
        "wssis-2": ("pseudo/wssis-2.json", ("full", "point"), "each"),
        "wssis-long": ("pseudo/wssis.json", ("full", "point"), "each"),
        "points10": ("full.json", ("full", "points10"), "each"),
        "points10-implicit": ("full.json", ("full", "points10"), "each"),
        "points10-selftrain": ("pseudo/points10-selftrain.json", ("full", "points10"), "each"),
        "points10-solov2": ("full.json", ("full", "points10"), "each"),
        "mask-rcnn-supervised": ("full.json", ("full",), "each"),
        "mask-rcnn-oracle": ("full.json", ("full",), "100pct"),
    }


def test_rules_of_an_arm() -> None:
    assert get_arm("supervised").rules == ("split",)
    assert get_arm("rough").rules == ("split", "points", "teacher", "proposals", "pseudo")
    assert get_arm("wssis").rules == ("split", "points", "teacher", "proposals", "crops", "refiner", "pseudo")
    assert get_arm("oracle-mask").rules == ("split", "points", "oracle_mask")
    assert get_arm("points10").rules == ("split", "box_points")
    assert get_arm("points10-selftrain").rules == ("split", "box_points", "box_student", "box_pseudo")
    assert get_arm("points10-solov2").rules == ("split", "box_points")
    assert get_arm("mask-rcnn-oracle").rules == ("split",)


def test_what_trains_an_arms_student_and_what_it_can_do_without() -> None:
    boxed = {name for name, arm in arms().items() if arm.student == "box_student"}
    assert boxed == {"points10", "points10-implicit", "mask-rcnn-supervised", "mask-rcnn-oracle"}
    without_full = {name for name, arm in arms().items() if not arm.needs_full}
    assert without_full == {"points10", "points10-implicit", "points10-selftrain", "points10-solov2"}
    on_boxes = {name for name, arm in arms().items() if arm.trains_on_boxes}
    assert on_boxes == {"points10", "points10-implicit", "points10-solov2"}, "not by way of pseudo masks"


def test_settings_of_points_in_boxes_reach_the_one_solov2_that_learns_from_them() -> None:
    at = {"mix": "10pct", "seed": "s0"}
    names = ["wssis", "points10-selftrain", "points10-solov2"]
    plain = {name: resolve(study(arms=names), "student", arm=name, **at) for name in names}
    own = plain["points10-solov2"]
    assert own.model_copy(update={"supervision": None}) == plain["wssis"], "equal terms"
    assert settings_json(own).count("point_weight") == 1, "its defaults are written out, too"
    assert "supervision" not in settings_json(plain["wssis"]), "as before there was the setting"
    published = {"run": {"arms": names}, "student": {"supervision": {"outside_points": 0}}}
    config = validate_study(merged(DEFAULT_STUDY, published))
    changed = {name for name in names if resolve(config, "student", arm=name, **at) != plain[name]}
    assert changed == {"points10-solov2"}


@pytest.mark.parametrize(("percent", "factor"), [(1, 0.25), (10, 0.25), (25, 0.25), (30, 0.3), (50, 0.5)])
def test_short_is_equal_epochs_but_at_least_a_quarter(percent: float, factor: float) -> None:
    assert get_arm("supervised-short").iterations(percent) == factor
    assert get_arm("supervised").iterations(percent) == 1


def test_unknown_arm_names_the_legal_ones() -> None:
    with pytest.raises(InputError, match="unknown arm 'wsis'; the arms are mask-rcnn-oracle, mask-rcnn-supervised"):
        get_arm("wsis")


@pytest.mark.usefixtures("new_arm")
def test_a_new_arm_is_one_new_module() -> None:
    rows = plan_rows(study(arms=["only-points"]))
    assert [(row.arm, row.quality) for row in rows][1:] == [
        ("only-points", "results/default/shapes/10pct/s0/base/quality/only-points.csv")
    ]


@pytest.mark.usefixtures("new_arm")
def test_a_new_arm_changes_no_other_row() -> None:
    before = plan_rows(study(arms=["wssis", "oracle"]))
    after = plan_rows(study(arms=["wssis", "oracle", "only-points"]))
    assert [row for row in after if row.arm != "only-points"] == list(before)


def test_long_is_twice_as_long_on_the_very_same_training_set() -> None:
    config = study(arms=["wssis", "wssis-long"])
    at = {"mix": "10pct", "seed": "s0"}
    long, short = (resolve(config, "student", arm=arm, **at) for arm in ("wssis-long", "wssis"))
    assert long.schedule.iterations == 2 * short.schedule.iterations
    assert long.model_copy(update={"schedule": short.schedule}) == short
    assert get_arm("wssis-long").training_set == get_arm("wssis").training_set


def test_a_second_round_is_as_long_as_the_first_and_its_proposals_are_its_own() -> None:
    at = {"mix": "10pct", "seed": "s0"}
    config = study(arms=["wssis", "wssis-2"])
    assert resolve(config, "student", arm="wssis-2", **at) == resolve(config, "student", arm="wssis", **at)
    assert (get_arm("wssis").round, get_arm("wssis-2").round) == ("", "arms/wssis-2/")
    assert resolve(config, "proposals", arm="wssis-2", side="full", **at).pairs == "student"
    weak = [resolve(config, "proposals", arm=arm, side="weak", **at) for arm in (None, "wssis-2")]
    assert weak[0] == weak[1]


def test_semi_is_augmented_more_strongly_than_the_others_and_never_less() -> None:
    at = {"mix": "10pct", "seed": "s0"}
    strong, common = (resolve(study(arms=["semi", "rough"]), "student", arm=arm, **at) for arm in ("semi", "rough"))
    given = common.augmentation.model_dump() | {"jitter": 0.6, "hue": 0.1, "greyscale": 0.2}
    assert strong.augmentation.model_dump() == given
    assert strong.model_copy(update={"augmentation": common.augmentation}) == common
    bright = validate_study(merged(DEFAULT_STUDY, {"student": {"augmentation": {"jitter": 0.9}}}))
    assert resolve(bright, "student", arm="semi", **at).augmentation.jitter == 0.9


def test_only_what_could_differ_from_the_truth_is_measured() -> None:
    rows = plan_rows(study(arms=["rough", "wssis", "wssis-long", "oracle-mask"]))
    assert [row.arm for row in rows if row.quality] == ["rough", "wssis"]
    boxed = {"run": {"arms": ["points10-selftrain"]}}
    for file, measured in ((None, True), ("mine.json", False)):
        (row,) = plan_rows(validate_study(merged(DEFAULT_STUDY, boxed | {"box_points": {"file": file}})))
        assert (row.quality is not None) == measured, "given boxes lead to no hidden mask"
    described = json.loads(plan_json(study(arms=["wssis-long", "oracle-mask"])))["arms"]
    assert [arm["pseudo"] for arm in described] == ["refined", "hidden"]


def test_plan_of_the_default_study() -> None:
    rows = plan_rows(validate_study(DEFAULT_STUDY))
    assert [(row.mix, row.arm) for row in rows] == [
        ("10pct", "teacher"),
        ("10pct", "supervised"),
        ("10pct", "supervised-short"),
        ("10pct", "rough"),
        ("10pct", "wssis"),
        ("100pct", "oracle"),
    ]
    assert rows[0].scores == "results/default/shapes/10pct/s0/base/teacher/scores.json"
    assert rows[4].scores == "results/default/shapes/10pct/s0/base/students/wssis/scores.json"
    assert rows[4].quality == "results/default/shapes/10pct/s0/base/quality/wssis.csv"
    assert (rows[5].full_percent, rows[5].quality) == (100, None)


def test_plan_is_the_product_with_one_oracle_per_seed() -> None:
    config = study(mixes=["5pct", "20pct"], seeds=["s0", "s7"], arms=["supervised", "wssis", "oracle"])
    rows = plan_rows(config)
    assert run_mixes(config) == ("5pct", "20pct", "100pct")
    assert len(rows) == 2 * (2 * 3 + 1)
    assert sorted(row.seed for row in rows if row.arm == "oracle") == ["s0", "s7"]
    assert len({row.scores for row in rows}) == len(rows)


def test_no_teacher_without_an_arm_that_needs_one() -> None:
    rows = plan_rows(study(arms=["supervised", "oracle"]))
    assert [row.arm for row in rows] == ["supervised", "oracle"]


def test_plan_json_is_what_the_report_reads() -> None:
    from wssis.report_page.plan import read_plan

    config = validate_study(DEFAULT_STUDY)
    plan = read_plan(plan_json(config))
    assert [row.arm for row in plan.rows] == [row.arm for row in plan_rows(config)]
    assert json.loads(plan_json(config))["arms"][0]["name"] == "supervised"


def test_run_folder_is_made_of_coordinates_only() -> None:
    assert run_folder("default", "shapes", "10pct", "s0") == "results/default/shapes/10pct/s0/base"
