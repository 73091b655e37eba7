"""wssis audit: labels and masks that do not add up are found by their content; all digests are right."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from audit_fixtures import reseal
from tampering import RUN, edit, faults_of, give_input, lose_last_line, tamper

from wssis.audit.coco_facts import coco_facts


def test_a_lost_pseudo_label(study: Path) -> None:
    path = f"{RUN}/pseudo/wssis.json"
    tamper(study, path, lambda coco: coco["annotations"].pop())
    assert "1 labels of weak.json are missing" in faults_of(study)[path]


def test_a_point_with_two_pseudo_labels(study: Path) -> None:
    path = f"{RUN}/pseudo/wssis.json"
    tamper(study, path, lambda coco: coco["annotations"].append({**coco["annotations"][-1], "id": 9999}))
    assert "more than one pseudo label" in faults_of(study)[path]


def test_a_point_without_mask_and_without_reason(study: Path) -> None:
    path = f"{RUN}/pseudo/rough.json"
    tamper(study, path, lambda coco: coco["annotations"][-1].update(segmentation=None))
    assert "2 points have no mask, 1 have a stated reason" in faults_of(study)[path]


def test_a_lost_row_of_the_ledger(study: Path) -> None:
    path = f"{RUN}/proposals/weak.csv"
    lose_last_line(study, path)
    assert "points of the annotations it was given are missing" in faults_of(study)[path]


def test_a_status_that_does_not_fit(study: Path) -> None:
    path = f"{RUN}/proposals/weak.csv"
    (study / path).write_text((study / path).read_text().replace("kept", "small", 1))
    reseal(study, path)
    faults = faults_of(study)
    assert "1 records of status small have a proposal" in faults[path]
    assert "status_small is 0" in faults[f"{RUN}/proposals/weak.json.manifest.json"]


def test_a_broken_ledger(study: Path) -> None:
    path = f"{RUN}/proposals/full.csv"
    (study / path).write_text((study / path).read_text().replace("kept,1", "kept,one", 1))
    reseal(study, path)
    assert "not a ledger" in faults_of(study)[path]


def test_a_fold_teacher_that_has_seen_its_images(study: Path) -> None:
    path = f"{RUN}/proposals/full.csv"
    text = (study / path).read_text()
    (study / path).write_text(text.replace("fold0", "foldX").replace("fold1", "fold0").replace("foldX", "fold1"))
    reseal(study, path)
    assert "predicted images it was trained on" in faults_of(study)[path]


def test_a_mask_that_leaked_into_the_weak_file(study: Path) -> None:
    path = f"{RUN}/weak.json"
    tamper(study, path, lambda coco: coco["annotations"][0].update(area=12))
    assert "in weak.json it may hold category_id, id, image_id, point alone" in faults_of(study)[path]


def test_a_point_outside_of_its_image(study: Path) -> None:
    path = f"{RUN}/weak.json"
    tamper(study, path, lambda coco: coco["annotations"][0].update(point=[64.0, 3.0]))
    assert "its point (64, 3) is outside of its image" in faults_of(study)[path]


def test_hidden_ids_that_lead_astray(study: Path) -> None:
    path = f"{RUN}/hidden_ids.csv"
    head, *rows = (study / path).read_text().split()
    pairs = [row.split(",") for row in rows]
    turned = [f"{weak},{pairs[place - 1][1]}" for place, (weak, _) in enumerate(pairs)]
    (study / path).write_text("\n".join([head, *turned]) + "\n")
    reseal(study, path)
    assert "objects of another image or class" in faults_of(study)[path]


def test_a_lost_full_point(study: Path) -> None:
    path = f"{RUN}/full_points.csv"
    lose_last_line(study, path)
    assert "1 objects of the objects of full.json are missing" in faults_of(study)[path]


def test_a_training_that_read_hidden_masks(study: Path) -> None:
    path = f"{RUN}/students/wssis/manifest.json"
    give_input(study, path, f"{RUN}/split.manifest.json", "train")
    assert "holds the hidden masks of weak images" in faults_of(study)[path]


def test_further_masks_that_do_not_fit(study: Path) -> None:
    """Soft masks and bands that the settings do not ask for, and one of another size than its image."""
    rough, refined = f"{RUN}/proposals/weak.json", f"{RUN}/pseudo/wssis.json"

    def add(coco: dict[str, Any], key: str, many: bool) -> None:
        one = coco["annotations"][-1]
        other = {**one["segmentation"], "size": [8, 8]}
        one[key] = [one["segmentation"], other] if many else other

    edit(study / rough, lambda coco: add(coco, "soft", many=True))
    edit(study / refined, lambda coco: add(coco, "uncertain", many=False))
    reseal(study, rough, refined)
    faults = faults_of(study)
    assert "has a mask in soft of another size" in faults[rough]
    assert "1 proposals have a soft mask; by the settings 0 do" in faults[rough]
    assert "has a mask in uncertain of another size" in faults[refined]
    assert "1 labels have an uncertain band; by the settings none has" in faults[refined]


def _repeat(path: Path, change: tuple[str, str] = ("", "")) -> None:
    """The last row of a CSV once more, changed in one place."""
    text = path.read_text()
    path.write_text(text + text.splitlines(keepends=True)[-1].replace(*change, 1))


@pytest.mark.parametrize(
    ("path", "what"),
    [
        (f"{RUN}/full_points.csv", "1 rows repeat the id of another"),
        (f"{RUN}/split.csv", "1 rows repeat the id of another"),
        (f"{RUN}/quality/wssis.csv", "1 rows repeat the point of another"),
        ("shapes/images.csv", "1 rows repeat a val image"),
        ("shapes/image_facts.csv", "1 rows repeat an image"),
    ],
)
def test_a_row_that_is_repeated(study: Path, path: str, what: str) -> None:
    """The counts of the manifest are made right, too."""
    _repeat(study / path)
    reseal(study, path)
    for manifest in study.rglob("*manifest.json"):
        content = json.loads(manifest.read_text())
        if Path(path).name in content["outputs"] and manifest.parent == (study / path).parent:
            for key in {"full_points", "images", "points"} & content["counts"].keys():
                edit(manifest, lambda one, key=key: one["counts"].update({key: one["counts"][key] + 1}))
    assert what in faults_of(study)[path]


def test_a_score_that_is_none_leaves_no_half_row(study: Path) -> None:
    """The annotations that follow are still held against their own images."""
    path = f"{RUN}/pseudo/wssis.json"
    edit(study / path, lambda coco: coco["annotations"][0].update(score="high"))
    facts = coco_facts(study / path, "pseudo")
    assert len(facts.id) == len(facts.score) == len(json.loads((study / path).read_text())["annotations"]) - 1
    assert len(facts.problems) == 1 and "no annotation (TypeError('must be real number, not str'" in facts.problems[0]
    edit(study / path, lambda coco: coco["annotations"][0].update(score=0.5, id=2**70))
    assert "is no annotation" in coco_facts(study / path, "pseudo").problems[0]


def _first_masked(coco: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in coco["annotations"] if one["source"] == "pseudo" and one["segmentation"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one.update(bbox=["x", 1, 2, 3]), "is no annotation (TypeError"),
        (lambda one: one.update(uncertain=None), "is no annotation (TypeError"),
        (lambda one: one.update(outcome=["masked"]), "is no annotation (TypeError"),
        (lambda one: one.update(area=10**400), "has area 10000000000000000000, not a number of pixels"),
        (lambda one: one.pop("segmentation"), "lacks segmentation"),
    ],
)
def test_a_faulty_annotation_is_counted_all_the_same(
    study: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    """Its point is not missing, and what else is wrong with the file is still found."""
    path = f"{RUN}/pseudo/wssis.json"
    tamper(study, path, lambda coco: change(_first_masked(coco)))
    facts = coco_facts(study / path, "pseudo")
    assert len(facts.id) == len(json.loads((study / path).read_text())["annotations"])
    assert len(facts.problems) == 1 and words in facts.problems[0]
    found = faults_of(study)[path]
    assert words in found and "missing" not in found


def test_what_is_wrong_with_a_file_comes_before_its_annotations(study: Path) -> None:
    path = f"{RUN}/weak.json"

    def change(coco: dict[str, Any]) -> None:
        coco["info"] = {}
        for one in coco["annotations"]:
            one["bbox"] = [0, 0, 1, 1]

    tamper(study, path, change)
    assert "holds info, too" in faults_of(study)[path]


def test_something_behind_the_end_of_a_file(study: Path) -> None:
    path = f"{RUN}/weak.json"
    with (study / path).open("a") as stream:
        stream.write('{"masks": [[0, 0, 4, 0, 4, 4]]}')
    reseal(study, path)
    assert "'{' stands behind the end of its object" in faults_of(study)[path]


def test_records_of_predictors_where_the_manifest_names_none(study: Path) -> None:
    path = f"{RUN}/proposals/weak.csv"
    edit(study / RUN / "proposals/weak.json.manifest.json", lambda one: one["inputs"].pop("teacher"))
    assert "predictors that are not among its manifest's inputs: teacher" in faults_of(study)[path]


def test_facts_of_an_image_are_missing(study: Path) -> None:
    path = "shapes/image_facts.csv"
    lose_last_line(study, path)
    assert "1 images of images.csv are missing: ('val', " in faults_of(study)[path]


def test_a_lost_warning(study: Path) -> None:
    """Kinds that only the manifest knows are counted, too."""
    path = "shapes/data_warnings.json"
    assert json.loads((study / path).read_text())["warnings"], "there is something to lose"
    tamper(study, path, lambda content: content["warnings"].clear())
    counts = json.loads((study / f"{path}.manifest.json").read_text())["counts"]
    faults = faults_of(study)[f"{path}.manifest.json"]
    assert counts and all(f"counts: {kind} is {number}, the files have 0" in faults for kind, number in counts.items())
