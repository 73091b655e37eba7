"""What the report warns of before any difference: few validation images, students that had hardly learned."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from report_fixtures import MadeUp, make_study, toy_set

from wssis.config.report import ReportSettings
from wssis.formats.atomic import write_json, write_text
from wssis.report_page.cautions import cautions, loss_share
from wssis.report_page.inputs import report_inputs
from wssis.report_page.plan import read_plan
from wssis.report_page.results import Group, group_results, load_results

MANY = {"val_images": 10, "val_objects": 40}


@pytest.fixture
def made(tmp_path: Path) -> MadeUp:
    """A study of one mix and seed with 6 validation images."""
    sets = toy_set(tmp_path / "images", "train", 20), toy_set(tmp_path / "images", "val", 6)
    return make_study(tmp_path, *sets, tmp_path / "images", {"20pct": 4}, seeds=(0,))


def _group(made: MadeUp) -> Group:
    plan = read_plan(json.dumps(made.plan))
    (group,) = group_results(plan, load_results(plan, ReportSettings().cost))
    return group


def _losses(made: MadeUp, arm: str, dice: list[float]) -> None:
    """Another training of an arm: dice losses, and focal losses of a third of them."""
    path = _group(made).arms[arm].seeds["s0"].row.network / "metrics.jsonl"
    lines = [{"step": 20 * n, "dice": value, "focal": value / 3, "lr": 0.1} for n, value in enumerate(dice)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_few_validation_images_stand_under_the_answer(made: MadeUp) -> None:
    text = made.report(resamples=10)
    assert 'class="caution"' in text and "All AP here are measured on <b>6 images with " in text
    assert cautions([_group(made)], MANY) == []
    (few,) = cautions([_group(made)], {"val_images": 1, "val_objects": 1})
    assert "<b>1 image with 1 object</b>" in few


def test_a_student_that_had_hardly_learned_is_named(made: MadeUp) -> None:
    """The mean of the last tenth counts: 2 of 20 lines, at .25 and .37 of the first."""
    _losses(made, "wssis", [3.0] + [2.0] * 17 + [0.75, 1.11])
    (told,) = cautions([_group(made)], MANY)
    assert "20 % with masks: " not in told and "loss of WSSIS at 31 % of its first value" in told
    _losses(made, "wssis", [3.0] + [2.0] * 17 + [0.75, 0.99])
    assert cautions([_group(made)], MANY) == []


def test_loss_of_a_single_line(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "dice": 2.0, "focal": 1.0, "lr": 0.1}\n')
    assert loss_share(tmp_path / "metrics.jsonl") == 1.0


def test_the_worst_seed_counts(tmp_path: Path) -> None:
    sets = toy_set(tmp_path / "images", "train", 20), toy_set(tmp_path / "images", "val", 6)
    made = make_study(tmp_path, *sets, tmp_path / "images", {"20pct": 4}, seeds=(0, 1))
    path = _group(made).arms["wssis"].seeds["s1"].row.network / "metrics.jsonl"
    path.write_text('{"step": 1, "dice": 1.0}\n{"step": 2, "dice": 0.4}\n')
    (told,) = cautions([_group(made)], MANY)
    assert "loss of WSSIS at 40 % of its first value" in told


@pytest.mark.parametrize(("pairs", "told"), [("crossfit", True), ("corrupt", False)])
def test_a_fold_teacher_that_had_hardly_learned_is_named(made: MadeUp, pairs: str, told: bool) -> None:
    """The refiner learns from its rough masks; with other pairs nothing does."""
    row = _group(made).arms["wssis"].seeds["s0"].row
    path = row.folder("proposals/full") / "proposals/full.json.manifest.json"
    content = json.loads(path.read_text())
    for k, last in enumerate((0.2, 0.52)):
        write_text(row.folder("folds") / f"folds/{k}/metrics.jsonl", f'{{"dice": 1.0}}\n{{"dice": {last}}}\n')
    content["inputs"] = {f"fold{k}": {"path": f"folds/{k}"} for k in (0, 1)} if pairs == "crossfit" else {}
    write_json(path, content)
    lines = cautions([_group(made)], MANY)
    assert ["loss of fold teacher 1 (s0) at 52 % of its first value" in line for line in lines] == [True] * told
    read = report_inputs(read_plan(json.dumps(made.plan)), made.results)
    assert any(name.endswith("/s0/base/folds/1") for name in read) == told


@pytest.mark.parametrize(("ahead", "told"), [(2.9, False), (3.1, True)])
def test_a_teacher_ahead_of_its_like(made: MadeUp, ahead: float, told: bool) -> None:
    group = _group(made)
    teacher, best = group.arms["teacher"], group.baseline
    seeds = {
        name: replace(result, scores={**result.scores, "AP": best.mean("AP") + ahead})
        for name, result in teacher.seeds.items()
    }
    lines = cautions([replace(group, arms={**group.arms, "teacher": replace(teacher, seeds=seeds)})], MANY)
    assert ["The teacher, which has the same masks as" in line for line in lines] == ([True] if told else [])


def test_an_imported_refiner_is_told(made: MadeUp) -> None:
    told = "The refiner's weights were imported; the images they were trained on are unknown"
    assert told not in made.report(resamples=0)
    path = next(made.results.glob("toy/20pct/s0/base/refiner/manifest.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"settings": {"checkpoint": "refiner.safetensors"}}))
    assert told in made.report(resamples=0)
