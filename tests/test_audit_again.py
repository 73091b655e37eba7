"""Audit with --rescore: AP from the detections, IoU from the masks."""

from pathlib import Path
from typing import Any

import pandas as pd
from audit_fixtures import reseal
from tampering import RUN, edit, faults_of, tamper

from wssis.audit.auditing import audit_study
from wssis.audit.quality_facts import quality_facts

ROUGH, WSSIS = f"{RUN}/students/rough", f"{RUN}/students/wssis"


def _again(study: Path) -> dict[str, str]:
    """Faults that only show when it is computed again: file -> what."""
    faults: dict[str, str] = {}
    for one in audit_study(study, rescore=True).faults:
        if "computed again" in one.what:
            faults[one.file] = "; ".join([*filter(None, [faults.get(one.file)]), one.what])
    return faults


def test_forged_scores_that_add_up(study: Path) -> None:
    """AP, its classes' and the manifest agree; the detections do not."""
    path = f"{WSSIS}/scores.json"

    def change(scores: dict[str, Any]) -> None:
        for one in (scores, *scores["per_class"]):
            one["AP"] = one["AP50"] = 61.5
        scores["AP75"] = 60.0

    figures = {"AP": 61.5, "AP50": 61.5, "AP75": 60.0}
    edit(study / WSSIS / "evaluate.manifest.json", lambda one: one["counts"].update(figures))
    tamper(study, path, change)
    faults = _again(study)
    assert list(faults) == [path] and path not in faults_of(study)


def test_a_class_left_out_of_the_scores_and_an_unknown_evaluator(study: Path) -> None:
    tamper(study, f"{WSSIS}/scores.json", lambda one: one["per_class"].pop())
    edit(study / ROUGH / "evaluate.manifest.json", lambda one: one["settings"].update(evaluator="mine.own"))
    edit(study / RUN / "teacher/evaluate.manifest.json", lambda one: one["inputs"]["val"].update(path="/else/val.json"))
    told = ("its detections", "cannot be computed again")
    faults = {one.file: one.what for one in audit_study(study, rescore=True).faults if any(t in one.what for t in told)}
    assert "its detections are held against" in faults[f"{WSSIS}/scores.json"]
    assert "its evaluator is 'mine.own'" in faults[f"{ROUGH}/scores.json"]
    assert len(faults) == 2


def test_a_forged_iou_that_its_means_agree_with(study: Path) -> None:
    """The table and the means in its manifest agree; the masks do not."""
    path = f"{RUN}/quality/wssis.csv"
    table = pd.read_csv(study / path, dtype=str, keep_default_na=False)
    masked = table.index[table["status"] == "masked"][:2]
    table.loc[masked, "iou_pseudo"] = "1.0"
    table.to_csv(study / path, index=False)
    reseal(study, path)
    edit(study / f"{path}.manifest.json", lambda one: one["counts"].update(quality_facts(study / path).measured))
    assert path not in faults_of(study)
    faults = _again(study)
    assert f"iou_pseudo of point {table['weak_id'][masked[0]]} is 1.0; computed again" in faults[path]
    assert "(and 1 further rows)" in faults[path]
    assert "counts: mean_iou_pseudo is " in faults[f"{path}.manifest.json"]


def test_masks_exchanged_after_they_were_measured(study: Path) -> None:
    path = f"{RUN}/pseudo/wssis.json"

    def change(coco: dict[str, Any]) -> None:
        one, other = [one for one in coco["annotations"] if one["source"] == "pseudo" and one["segmentation"]][:2]
        for key in ("segmentation", "bbox", "area"):
            one[key], other[key] = other[key], one[key]

    tamper(study, path, change)
    faults = _again(study)
    assert {f"{RUN}/quality/wssis.csv", f"{RUN}/quality/wssis.shown.json"} <= set(faults)


def test_images_shown_with_other_masks(study: Path) -> None:
    path = f"{RUN}/quality/rough.shown.json"
    tamper(study, path, lambda shown: shown["images"][0]["objects"][0].update(iou_pseudo=0.99))
    faults = _again(study)
    assert faults == {path: "is not what its masks give, computed again"}


def test_scores_and_quality_are_computed_again_where_it_is_asked_for(sound_study: Path) -> None:
    told = [line for line in audit_study(sound_study).unchecked if line.endswith(": --rescore")]
    assert [line.split(" of ")[0] for line in told] == ["whether the scores", "whether the IoU"]
    again = audit_study(sound_study, rescore=True)
    assert again.faults == [] and not set(told) & set(again.unchecked)
