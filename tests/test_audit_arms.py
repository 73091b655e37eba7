"""wssis audit: what single arms may read and make; the content alone tells."""

import json
import shutil
from pathlib import Path
from typing import Any

from audit_fixtures import reseal
from tampering import RUN, SECOND, edit, faults_of, give_input, lose_last_line, tamper


def test_the_made_up_detections_of_semi_leave_something_to_check(sound_study: Path) -> None:
    counts = json.loads((sound_study / RUN / "pseudo/semi.json.manifest.json").read_text())["counts"]
    assert counts["labelled_images"] and counts["images_left_out"] and counts["pseudo_masks"]
    counts = json.loads((sound_study / RUN / "quality/semi.csv.manifest.json").read_text())["counts"]
    assert counts["masked"] and counts["dropped"]


def test_a_label_below_its_threshold(study: Path) -> None:
    path = f"{RUN}/pseudo/semi.json"
    tamper(study, path, lambda coco: coco["annotations"][-1].update(score=0.59))
    assert "1 labels are below the threshold of their class" in faults_of(study)[path]


def test_a_label_of_semi_on_a_full_image(study: Path) -> None:
    path = f"{RUN}/pseudo/semi.json"
    tamper(study, path, lambda coco: coco["annotations"][-1].update(image_id=coco["annotations"][0]["image_id"]))
    assert "has labels on images that are full, or in no split" in faults_of(study)[path]


def test_a_label_of_semi_that_has_a_point(study: Path) -> None:
    path = f"{RUN}/pseudo/semi.json"
    tamper(study, path, lambda coco: coco["annotations"][-1].update(point=[3, 4], point_id=1))
    assert "without a point, but holds point, point_id" in faults_of(study)[path]


def test_an_image_without_labels_in_the_training_set_of_semi(study: Path) -> None:
    """Nobody said that it is empty."""
    path = f"{RUN}/pseudo/semi.json"
    left_out = json.loads((study / RUN / "weak.json").read_text())["images"]

    def add(coco: dict[str, Any]) -> None:
        here = {image["id"] for image in coco["images"]}
        coco["images"] += [image for image in left_out if image["id"] not in here][:1]

    tamper(study, path, add)
    assert "1 images are not in full.json and those that have labels" in faults_of(study)[path]


def test_edited_counts_of_semi(study: Path) -> None:
    path = f"{RUN}/pseudo/semi.json.manifest.json"
    edit(study / path, lambda one: one["counts"].update(images_left_out=0))
    assert "counts: images_left_out is 0, the files have" in faults_of(study)[path]


def test_thresholds_of_a_class_are_missing(study: Path) -> None:
    path = f"{RUN}/arms/semi/thresholds.csv"
    lose_last_line(study, path)
    faults = faults_of(study)
    assert "1 classes of full.json are missing" in faults[path]
    assert "are below the threshold of their class" in faults[f"{RUN}/pseudo/semi.json"]


def test_a_threshold_that_is_none(study: Path) -> None:
    path = f"{RUN}/arms/semi/thresholds.csv"
    (study / path).write_text((study / path).read_text().replace(",0.6,", ",1.6,", 1))
    reseal(study, path)
    assert "threshold is 1.6, not within 0 ... 1" in faults_of(study)[path]


def test_thresholds_by_fold_teachers_of_other_folds(study: Path) -> None:
    path = f"{RUN}/arms/semi/thresholds.csv.manifest.json"
    edit(study / path, lambda one: one["settings"].update(fold_seed=7))
    assert "fold0 is the teacher of fold 0 of 2 (seed 0): it has seen its images" in faults_of(study)[path]


def test_labels_of_semi_that_owe_to_points(study: Path) -> None:
    """The student of wssis, which has learned from points, in the teacher's place."""
    path = f"{RUN}/pseudo/semi.json.manifest.json"
    give_input(study, path, f"{RUN}/students/wssis/evaluate.manifest.json", "model", to="teacher")
    faults = faults_of(study)
    assert "was made from points, which confident_labels does without" in faults[path]
    assert "was made from points" in faults[f"{RUN}/students/semi/manifest.json"]


def test_labels_of_semi_that_read_hidden_masks(study: Path) -> None:
    path = f"{RUN}/pseudo/semi.json.manifest.json"
    give_input(study, path, f"{RUN}/split.manifest.json", "train")
    assert "holds the hidden masks of weak images" in faults_of(study)[path]


def test_a_student_trained_on_the_oracle_s_masks(study: Path) -> None:
    path = f"{RUN}/students/wssis/manifest.json"
    give_input(study, path, f"{RUN}/students/oracle-mask/manifest.json", "training_set", to="training_set")
    faults = faults_of(study)
    assert "was made from hidden masks" in faults[path] and "here it is pseudo/wssis.json of the run" in faults[path]
    assert "was made from hidden masks" in faults[f"{RUN}/{SECOND}/proposals/weak.json.manifest.json"]


def test_more_points_with_masks_than_semi_has_labels(study: Path) -> None:
    path = f"{RUN}/quality/semi.csv"
    (study / path).write_text((study / path).read_text().replace(",dropped,", ",masked,"))
    edit(study / RUN / "pseudo/semi.json", lambda coco: coco["annotations"].pop())
    reseal(study, path, f"{RUN}/pseudo/semi.json")
    assert "labels on these images" in faults_of(study)[path]


def test_a_lost_row_of_the_second_round_s_ledger(study: Path) -> None:
    path = f"{RUN}/{SECOND}/proposals/weak.csv"
    lose_last_line(study, path)
    assert "points of the annotations it was given are missing" in faults_of(study)[path]


def test_a_second_round_by_the_first_teacher(study: Path) -> None:
    path, first = (f"{RUN}/{folder}proposals/weak.json.manifest.json" for folder in (f"{SECOND}/", ""))
    give_input(study, path, first, "teacher", to="teacher")
    assert "here it is students/wssis/model.safetensors of the run" in faults_of(study)[path]


def test_masks_of_the_first_round_in_the_second(study: Path) -> None:
    path, first = (f"{RUN}/pseudo/{arm}.json.manifest.json" for arm in ("wssis-2", "wssis"))
    give_input(study, path, first, "proposals", to="proposals")
    assert f"here it is {SECOND}/proposals/weak.json of the run" in faults_of(study)[path]


def test_corrupted_masks(study: Path) -> None:
    path = "shapes/50pct/s0/corrupt/proposals/full.csv"
    whole = (study / path).read_text()
    (study / path).write_text("".join(whole.splitlines(keepends=True)[:-1]))
    reseal(study, path)
    assert "1 points of the annotations it was given are missing" in faults_of(study)[path]
    (study / path).write_text(whole.replace("corrupted", "kept", 1).replace("corrupt,", "teacher,", 1))
    reseal(study, path)
    faults = faults_of(study)[path]
    assert "a status that its stage does not give: kept" in faults
    assert "predictors that are not among its manifest's inputs: teacher" in faults


def test_a_status_of_corrupted_masks_among_predictions(study: Path) -> None:
    path = f"{RUN}/proposals/full.csv"
    (study / path).write_text((study / path).read_text().replace("kept", "corrupted", 1))
    reseal(study, path)
    assert "a status that its stage does not give: corrupted" in faults_of(study)[path]


def test_the_manifest_of_a_student_at_no_student_s_place(study: Path) -> None:
    (study / RUN / "manifest.json").write_text((study / RUN / "students/wssis/manifest.json").read_text())
    assert f"is gone; {RUN}/manifest.json lists it" in faults_of(study)[f"{RUN}/model.safetensors"]


def test_an_oracle_with_no_more_masks_than_the_mix(study: Path) -> None:
    """As a target asked for by hand once made it: `supervised` under another name."""
    shutil.copytree(study / RUN / "students/supervised", study / RUN / "students/oracle")
    faults = faults_of(study)
    what = "the student of oracle is trained at 100pct alone; this one has no more masks than 50pct, under its name"
    for name in ("manifest.json", "evaluate.manifest.json"):
        assert what in faults[f"{RUN}/students/oracle/{name}"]


def test_a_student_of_few_masks_with_those_of_all_images(study: Path) -> None:
    """The same the other way round: the oracle as `supervised`."""
    whole = RUN.replace("50pct", "100pct")
    shutil.copytree(study / RUN / "students/supervised", study / whole / "students/supervised")
    faults = faults_of(study)
    what = "the student of supervised is not trained at 100pct; this one has the masks of all images, under its name"
    for name in ("manifest.json", "evaluate.manifest.json"):
        assert what in faults[f"{whole}/students/supervised/{name}"]
