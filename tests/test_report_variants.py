"""The report of a study with a variant and with an arm without points: what lies where, and who is compared."""

import copy
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_fixtures import MadeUp, make_study, manifest, measured_at, toy_set

from wssis.config.label_cost import CostSettings
from wssis.config.mask_stages import QualitySettings
from wssis.formats.manifest import read_manifest
from wssis.formats.scores import read_score_table
from wssis.report_page.plan import read_plan
from wssis.report_page.results import group_results, load_results
from wssis.report_page.variants import _time_of, variant_table
from wssis.stages import quality

PARTS = ("split", "points", "proposals/weak", "proposals/full", "crops/weak", "refiner", "pseudo", "predict_shown")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> MadeUp:
    """One seed. The variant `many` evaluates base's student of wssis again; semi has the labels of wssis, pointless."""
    root = tmp_path_factory.mktemp("study")
    sets = toy_set(root / "images", "train", 20), toy_set(root / "images", "val", 15)
    made = make_study(root, *sets, root / "images", {"20pct": 4}, seeds=(0,))
    plan = copy.deepcopy(made.plan)
    wssis = next(row for row in plan["rows"] if row["arm"] == "wssis")
    base = Path(wssis["run"])
    shutil.copytree(base / "students/wssis", base.with_name("many") / "students/wssis")
    for name in ("manifest.json", "metrics.jsonl"):
        (base.with_name("many") / "students/wssis" / name).unlink()
    many = {"variant": "many", "run": str(base.with_name("many")),
            "scores": str(base.with_name("many") / "students/wssis/scores.json")}  # fmt: skip
    homes = dict.fromkeys((*PARTS, "network"), str(base))
    plan["rows"] += [{**wssis, **many, "homes": homes}, _semi(base, wssis)]
    plan["arms"].append({**plan["arms"][3], "name": "semi", "title": "Semi", "pays": ["full"], "pseudo": "confident"})
    return replace(made, plan=plan)


def _semi(run: Path, wssis: dict) -> dict:
    """The row of an arm whose labels come without points; what a student of it would be is that of wssis."""
    shutil.copytree(run / "students/wssis", run / "students/semi")
    labels = json.loads((run / "pseudo/wssis.json").read_text())
    labels["annotations"] = [one for one in labels["annotations"] if one["segmentation"]]
    for one in labels["annotations"]:
        one.pop("point_id", None)
    (run / "pseudo/semi.json").write_text(json.dumps(labels))
    train = run.parents[2] / "train.json"
    quality.run(QualitySettings(shown=1), train, run / "weak.json", run / "hidden_ids.csv", None,
                run / "pseudo/semi.json", run / "quality/semi.csv", run / "quality/semi.shown.json")  # fmt: skip
    scores = str(run / "students/semi/scores.json")
    shutil.copy(run / "quality/wssis.predictions.json", run / "quality/semi.predictions.json")
    return {**wssis, "arm": "semi", "scores": scores, **measured_at(run / "quality/semi.csv")}


def test_a_variant_is_held_against_the_arms_of_base(study: MadeUp) -> None:
    plan = read_plan(json.dumps(study.plan))
    groups = {group.variant: group for group in group_results(plan, load_results(plan, CostSettings()))}
    assert set(groups) == {"base", "many"}
    variants = {name: {one.row.variant for one in arm.seeds.values()} for name, arm in groups["many"].arms.items()}
    assert variants == {name: {"base"} for name in groups["base"].arms} | {"wssis": {"many"}}
    assert groups["many"].arms["wssis"].seeds["s0"].iterations == 300, "of base's training"


def test_the_page_and_the_table_have_both(study: MadeUp) -> None:
    page = study.report(resamples=5)
    assert "toy, 20 % with masks, many" in page
    rows = read_score_table(study.out / "scores.csv")
    assert [row["arm"] for row in rows if row["variant"] == "many"] == ["wssis"]


def test_a_variant_is_told_by_its_masks_and_its_price(study: MadeUp) -> None:
    """Its masks are base's own here; of its two jobs, base has one, which took as long."""
    plan = read_plan(json.dumps(study.plan))
    groups = group_results(plan, load_results(plan, CostSettings()))
    many, base = (next(group for group in groups if group.variant == name) for name in ("many", "base"))
    run = Path(many.arms["wssis"].seeds["s0"].row.run)
    for name in ("evaluate.manifest.json", "manifest.json"):
        manifest(run / "students" / "wssis" / name, "student", {}, {})
    samples = {result.row.scores: np.full(3, 20.0) for arm in many.arms.values() for result in arm.seeds.values()}
    samples |= {result.row.scores: np.full(3, 19.0) for arm in base.arms.values() for result in arm.seeds.values()}
    (line,) = variant_table(groups, samples).lines
    for name in ("evaluate.manifest.json", "manifest.json"):
        (run / "students" / "wssis" / name).unlink()
    counts = read_manifest(run.with_name("base") / "quality/wssis.csv.manifest.json")["counts"]
    iou, good = counts["mean_iou_pseudo"], counts["above_three_quarters_pseudo"]
    of_ap, of_masks, time = [cell.text for cell in line[5:8]], [cell.text for cell in line[8:11]], line[11].text
    assert of_ap == ["+1.0", "[+1.0, +1.0]", "one seed"]
    assert (of_masks, time) == ([f"{iou:.3f}", "0.000", f"{100 * good:.0f} %"], "3.0 s (+1.5 s)")


def test_a_refiner_without_fold_teachers_spares_them(study: MadeUp) -> None:
    """Base trained two; the variant's refiner is its own and rests on none, or on base's."""
    plan = read_plan(json.dumps(study.plan))
    groups = group_results(plan, load_results(plan, CostSettings()))
    arm = next(group for group in groups if group.variant == "many").arms["wssis"]
    run = Path(arm.seeds["s0"].row.run)
    made = [run.with_name("base") / "folds" / k / "manifest.json" for k in "01"] + [run / "refiner" / "manifest.json"]
    for path in made:
        path.parent.mkdir(parents=True)
        manifest(path, "fold", {}, {})
    assert _time_of([arm], "many").endswith("; spares fold teachers of 3.0 s")
    resting = arm.seeds["s0"].row.model_copy(update={"homes": {"folds": str(run.with_name("base"))}})
    on_base = replace(arm, seeds={"s0": replace(arm.seeds["s0"], row=resting)})
    assert "spares" not in _time_of([on_base], "many")
    for path in made:
        path.unlink()
        path.parent.rmdir()


def test_labels_without_points_stand_beside_the_refined_ones(study: MadeUp) -> None:
    page = study.report(resamples=5)
    text = re.sub(r"<[^>]+>|\s+", " ", page)
    assert re.search(r"mean IoU, rough +mean IoU, refined +mean IoU, Semi, without points", text)
    head = re.search(r"as labels +(Rough +)?(WSSIS|Wssis) +Semi ", text)
    line = re.search(r"precision at IoU .5 +(?:\S+ % +)?(\S+) % +(\S+) % ", text)
    assert head is not None and line is not None and line[1] == line[2] == "100"
