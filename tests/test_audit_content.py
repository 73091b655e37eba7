"""wssis audit: content that no digest and no ids tell of; what a stage with an error in it would have written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zarr
from audit_fixtures import reseal
from tampering import RUN, edit, faults_of, notes_of, tamper

from wssis.audit.auditing import audit_study
from wssis.audit.coco_facts import BLOCK, coco_facts
from wssis.audit.mask_facts import fingerprint, mask_problems
from wssis.config.merging import merged
from wssis.formats.coco import encode_mask, mask_box, write_coco

PSEUDO = f"{RUN}/pseudo/wssis.json"
EMPTY = encode_mask(np.zeros((64, 64), bool))


def _first_made(coco: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in coco["annotations"] if one.get("source") == "pseudo" and one["segmentation"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one["segmentation"].update(counts="zzz"), "a mask that is no compressed RLE"),
        (lambda one: one["segmentation"].update(counts=one["segmentation"]["counts"] + "o"), "no compressed RLE"),
        (lambda one: one["segmentation"].update(counts=""), "a mask that is no compressed RLE"),
        (lambda one: one["segmentation"].update(counts="oooooooooooo0"), "runs do not fill its size"),
        (lambda one: one["segmentation"].update(counts=one["segmentation"]["counts"] + "1"), "runs do not fill"),
        (lambda one: one["segmentation"].update(size=[0, 64]), "a mask that is no compressed RLE"),
        (lambda one: one["segmentation"].update(size=[64, 65]), "runs do not fill its size"),
        (lambda one: one.update(area=[1]), "has area [1], not a number"),
        (lambda one: one.update(segmentation=EMPTY, bbox=[0, 0, 0, 0], area=0), "has a mask without a pixel"),
        (lambda one: one.update(segmentation=EMPTY), "not of those that stand beside it"),
        (lambda one: one.update(area=one["area"] + 1), "not of those that stand beside it"),
        (lambda one: one.update(segmentation=[[1, 1, 9, 1, 9, 9]]), "a mask that is no compressed RLE"),
    ],
)
def test_a_pseudo_mask_that_is_none(study: Path, change: Callable[[dict[str, Any]], None], words: str) -> None:
    tamper(study, PSEUDO, lambda coco: change(_first_made(coco)))
    assert words in faults_of(study)[PSEUDO]


def test_sound_masks_of_all_shapes_have_no_problem() -> None:
    rng = np.random.default_rng(0)
    shares = (0, 0.02, 0.3, 0.97, 1)
    made = []
    for number in range(600):
        mask = rng.random((rng.integers(1, 12), rng.integers(1, 12))) < shares[number % 5]
        made.append({"id": number, "segmentation": encode_mask(mask), "bbox": mask_box(mask), "area": int(mask.sum())})
    assert list(mask_problems(made, may_be_empty=True)) == []
    assert len(list(mask_problems([{**one, "area": one["area"] + 1} for one in made], may_be_empty=True))) == 600


def test_every_fault_among_many_annotations_is_found(tmp_path: Path) -> None:
    mask = np.zeros((6, 9), bool)
    mask[1:3, 2:6] = True
    sound = {
        "image_id": 1, "category_id": 1, "point_id": 1, "point": [2, 1], "score": 0.5, "predictor": "teacher",
        "status": "kept", "segmentation": encode_mask(mask), "bbox": [2, 1, 4, 2], "area": 8,
    }  # fmt: skip
    items: list[dict[str, Any]] = [{**sound, "id": number} for number in range(2 * BLOCK + 3)]
    items[7]["area"] = 9
    items[BLOCK + 5]["segmentation"] = {"size": [6, 9], "counts": "oooooooooooo0"}
    items[BLOCK + 6]["id"] = "four"
    items[BLOCK + 99]["point"] = [1]
    del items[-1]["image_id"]
    images = [{"id": 1, "file_name": "a.png", "width": 9, "height": 6}]
    coco = {"images": images, "annotations": items, "categories": [{"id": 1, "name": "a"}]}
    write_coco(tmp_path / "weak.json", coco)
    facts = coco_facts(tmp_path / "weak.json", "proposals")
    words = ["annotation 7 has a mask of area 8", f"annotation {BLOCK + 5} has a mask whose runs do not fill its size",
             "an annotation is no annotation (TypeError", "an annotation is no annotation (ValueError",
             "an annotation is no annotation (KeyError('image_id'"]  # fmt: skip
    assert len(facts.problems) == len(words)
    for word in words:
        assert any(problem.startswith(word) for problem in facts.problems), facts.problems
    assert len(facts.id) == len(items) - 3 and facts.id[-1] == 2 * BLOCK + 1


def test_equal_masks_have_one_fingerprint() -> None:
    square = [[1, 1, 4, 1, 4, 4, 1, 4]]
    assert fingerprint(square) == fingerprint([[float(one) for one in square[0]]])
    others = ([[1, 1, 4, 1, 4, 4, 1, 5]], [square[0][:6]], [square[0], square[0]], encode_mask(np.eye(6, 9) > 0))
    assert len({fingerprint(one) for one in (square, *others)}) == 5


def test_full_masks_that_are_not_those_of_the_data_set(study: Path) -> None:
    def move(coco: dict[str, Any]) -> None:
        one = next(one for one in coco["annotations"] if isinstance(one["segmentation"], list))
        one["segmentation"][0][0] += 0.5

    tamper(study, f"{RUN}/full.json", move)
    assert "1 masks are not those of train.json" in faults_of(study)[f"{RUN}/full.json"]
    assert "1 masks are not those of full.json" in faults_of(study)[PSEUDO]


def test_hidden_masks_beside_the_annotations_of_weak_images(study: Path) -> None:
    path = f"{RUN}/weak.json"
    tamper(study, path, lambda coco: coco.update(hidden=[{"segmentation": [[1, 2, 3, 4, 5, 6]]}]))
    assert "holds hidden, too; it may hold images, annotations, categories alone" in faults_of(study)[path]


@pytest.mark.parametrize(
    ("array", "change", "words"),
    [
        ("label", lambda value: (value + 1) % 3, "have a class that is not their proposal's"),
        ("label", lambda value: value - 9, "have a class that is not their proposal's"),
        ("point", lambda value: value * 0, "have a point that is not their proposal's"),
        ("image_id", lambda value: value + 1, "have an image that is not their proposal's"),
        ("point_id", lambda value: value + 1, "have an object that is not their proposal's"),
        ("window", lambda value: value + 60, "windows that do not lie in their image"),
    ],
)
def test_crops_that_are_not_their_proposals(study: Path, array: str, change: Callable[[Any], Any], words: str) -> None:
    path = f"{RUN}/crops/weak.zarr"
    group = zarr.open_group(study / path, mode="r+")
    group[array][:] = change(group[array][:])
    reseal(study, path)
    assert words in faults_of(study)[path]


def test_scores_of_the_ledger_are_those_of_the_proposals(study: Path) -> None:
    path = f"{RUN}/proposals/weak.json"
    tamper(study, path, lambda coco: coco["annotations"][1].update(score=0.75))
    assert "the score differs from the ledger in proposals 2" in faults_of(study)[path]


def test_a_point_of_a_full_image_outside_of_it(study: Path) -> None:
    path = f"{RUN}/full_points.csv"
    head, row, *rows = (study / path).read_text().splitlines()
    number, _, y = row.split(",")
    (study / path).write_text("\n".join([head, f"{number},500.0,{y}", *rows]) + "\n")
    reseal(study, path)
    assert f"1 points are outside of their image: {number}" in faults_of(study)[path]


def test_quality_beyond_what_there_is(study: Path) -> None:
    path = f"{RUN}/quality/wssis.csv"
    (study / path).write_text((study / path).read_text().replace("masked,0.5,", "masked,0.5,1", 1))
    reseal(study, path)
    assert "not within 0 ... 1" in faults_of(study)[path]


def test_a_validation_image_that_is_a_training_image(study: Path) -> None:
    path = "shapes/images.csv"
    lines = (study / path).read_text().splitlines()
    known = next(line for line in lines if line.startswith("train")).rpartition(",")[2]
    place = next(place for place, line in enumerate(lines) if line.startswith("val"))
    lines[place] = f"{lines[place].rpartition(',')[0]},{known}"
    (study / path).write_text("\n".join(lines) + "\n")
    reseal(study, path)
    assert "train_images_in_val is 0, the files have 1" in faults_of(study)[f"{path}.manifest.json"]


def test_only_crops_may_be_temporary(study: Path) -> None:
    path = f"{RUN}/refiner/manifest.json"
    edit(study / path, lambda manifest: manifest.update(retained=False))
    (study / RUN / "refiner/model.safetensors").unlink()
    assert "says that its outputs are temporary; those of refiner never are" in faults_of(study)[path]


@pytest.mark.parametrize(
    ("manifest", "output"),
    [("report/manifest.json", "gallery.html"), ("report/manifest.json", "tables"),
     ("report/manifest.json", "curves.json"), (f"{RUN}/teacher/manifest.json", "snapshot2.safetensors")],
)  # fmt: skip
def test_an_output_deleted_and_struck_from_its_manifest(study: Path, manifest: str, output: str) -> None:
    edit(study / manifest, lambda one: one["outputs"].pop(output))
    path = (study / manifest).parent / output
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert f"does not list {output}" in faults_of(study)[manifest]


ROUGH = f"{RUN}/students/rough"


@pytest.mark.parametrize(
    ("path", "section", "change", "words"),
    [
        (f"{RUN}/quality/wssis.csv.manifest.json", "counts", {"mean_iou_pseudo": 0.95}, "is 0.95, the files have"),
        (f"{ROUGH}/manifest.json", "counts", {"last_dice": 0.1}, "last_dice is 0.1, the last line of the metrics has"),
        (f"{ROUGH}/manifest.json", "settings", {"optimizer": {"lr": 0.5}}, "lr is 0.5, and 0.01 for other arms"),
        (f"{ROUGH}/manifest.json", "settings", {"dice_weight": 1.0}, "is 1.0, and its default for other arms"),
        (f"{ROUGH}/manifest.json", "settings", {"seed": 7}, "seed is 7, and 0 for other stages of the run"),
        (f"{RUN}/split.manifest.json", "settings", {"seed": 5}, "seed is 5, and 0 for other stages of the run"),
        (f"{ROUGH}/evaluate.manifest.json", "settings", {"max_detections": 300}, "is 300, and 100 for other arms"),
    ],
)
def test_a_manifest_that_tells_other_than_its_files_or_arms(
    study: Path, path: str, section: str, change: dict[str, Any], words: str
) -> None:
    edit(study / path, lambda manifest: manifest.update({section: merged(manifest[section], change)}))
    assert words in faults_of(study)[path]


def test_an_arm_of_another_length_is_on_equal_terms(study: Path) -> None:
    path = f"{RUN}/students/rough/manifest.json"
    edit(study / path, lambda manifest: manifest["settings"]["schedule"].update(iterations=9))
    assert "equal terms" not in json.dumps(faults_of(study))


def test_an_arm_that_left_the_study_may_be_on_older_terms(study: Path) -> None:
    """Its files stay, the report shows it no longer."""
    path = f"{RUN}/students/rough/manifest.json"
    edit(study / path, lambda manifest: manifest["settings"]["optimizer"].update(lr=0.5))
    gone = f"{RUN}/students/rough/".removeprefix("results/")
    edit(study / "report/manifest.json", lambda one: [one["inputs"].pop(name) for name in list(one["inputs"])
                                                      if gone in one["inputs"][name]["path"]])  # fmt: skip
    assert "equal terms" not in json.dumps(faults_of(study))
    assert f"{path}: optimizer.lr is 0.5, and 0.01 for other arms of the run" in notes_of(audit_study(study))


@pytest.mark.parametrize(("column", "said"), [("iterations", 40), ("max_detections", 100)])
def test_a_table_of_other_trainings_than_were_run(study: Path, column: str, said: int) -> None:
    path = "report/scores.csv"
    table = pd.read_csv(study / path, dtype=str, keep_default_na=False)
    table.loc[table["arm"] == "wssis", column] = "7000"
    table.to_csv(study / path, index=False)
    reseal(study, path)
    words = f"{column} of {RUN}/students/wssis/scores.json is 7000; its manifest says {said}"
    assert words in faults_of(study)[path]


@pytest.mark.parametrize("model", ["pointwssis", "cheng"])
def test_a_table_of_other_label_days_than_its_labels_took(study: Path, model: str) -> None:
    path = "report/scores.csv"
    table = pd.read_csv(study / path, dtype=str, keep_default_na=False)
    table.loc[table["arm"] == "semi", f"label_days_{model}"] = "0.0001"
    table.to_csv(study / path, index=False)
    reseal(study, path)
    found = faults_of(study)[path]
    assert f"label_days_{model} of {RUN}/semi is 0.0001; its labels took 0.0" in found and "/wssis is" not in found


def test_a_curve_of_other_scores_than_the_tables(study: Path) -> None:
    path = "report/curves.json"
    tamper(study, path, lambda curves: curves["curves"][0]["points"][0]["ap"].update(s0=99.0))
    assert "AP of wssis of shapes/50pct/s0/base is 99.0; scores.csv has" in faults_of(study)[path]
