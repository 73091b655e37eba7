"""wssis audit: a sound study has no findings, and every kind of tampering is found where it was done."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from audit_fixtures import STUDY, copied, reseal
from dag_runs import REPOSITORY

from wssis.audit import contents
from wssis.audit.auditing import account, audit_study
from wssis.audit.finding import StudyAudit
from wssis.audit.study_files import studies_in
from wssis.cli import main
from wssis.errors import InputError
from wssis.formats.checkpoint import load_model, save_model
from wssis.formats.manifest import digest_of

RUN = "shapes/50pct/s0/base"
OTHER_RUN = "shapes/50pct/s1/base"
SECOND = "arms/wssis-2"


@pytest.fixture
def study(sound_study: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return copied(sound_study, tmp_path)


def _faults(study: Path) -> dict[str, str]:
    """File -> all that is wrong with it."""
    found: dict[str, str] = {}
    for finding in audit_study(study).faults:
        assert finding.what and finding.remedy
        found[finding.file] = f"{found.get(finding.file, '')}{finding.what}\n"
    return found


def _edit(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def _notes(audit: StudyAudit) -> str:
    return "\n".join(f"{note.file}: {note.what}" for note in audit.notes)


def test_a_sound_study_has_no_findings(sound_study: Path) -> None:
    audit = audit_study(sound_study)
    assert audit.findings == []
    assert audit.manifests == len(list(sound_study.rglob("*manifest.json"))) and audit.artifacts > 80
    assert audit.bytes > 300_000 and audit.read > 70
    assert "0 faults, 0 notes" in account([audit])


def test_nothing_is_written(study: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    audit_study(study)
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*")} == before


def test_an_edited_json(study: Path) -> None:
    path = f"{RUN}/proposals/weak.json"
    _edit(study / path, lambda coco: coco["annotations"][0].update(score=0.9))
    assert "changed since it was written" in _faults(study)[path]


def test_one_more_space_in_a_json(study: Path) -> None:
    path = "shapes/val.json"
    (study / path).write_text((study / path).read_text() + " ")
    assert list(_faults(study)) == [path]


def test_an_edited_csv(study: Path) -> None:
    path = f"{RUN}/split.csv"
    (study / path).write_text((study / path).read_text().replace("point", "full", 1))
    faults = _faults(study)
    assert "changed since" in faults[path]
    assert "missing" in faults[f"{RUN}/full.json"] and "not in kind point" in faults[f"{RUN}/weak.json"]


def test_a_swapped_checkpoint(study: Path) -> None:
    path = f"{RUN}/students/wssis/model.safetensors"
    shutil.copy(study / f"{RUN}/students/rough/model.safetensors", study / path)
    save_model(study / path, {"head.weight": torch.ones(2, 3)}, load_model(study / path)[1])
    assert "changed since it was written" in _faults(study)[path]


def test_a_checkpoint_of_the_wrong_network(study: Path) -> None:
    path = f"{RUN}/teacher/model.safetensors"
    weights, metadata = load_model(study / path)
    save_model(study / path, weights, metadata | {"kind": "maskrefinenet"})
    reseal(study, path)
    assert "holds a maskrefinenet" in _faults(study)[path]


def test_an_early_snapshot_in_the_place_of_the_final_weights(study: Path) -> None:
    path = f"{RUN}/teacher/model.safetensors"
    shutil.copy(study / f"{RUN}/teacher/snapshot1.safetensors", study / path)
    reseal(study, path)
    assert "saved at step 20; the settings say 40" in _faults(study)[path]


def test_a_truncated_checkpoint(study: Path) -> None:
    path = f"{RUN}/refiner/model.safetensors"
    (study / path).write_bytes((study / path).read_bytes()[:-8])
    reseal(study, path)
    assert "does not hold what it should" in _faults(study)[path]


def test_a_store_with_a_missing_shard(study: Path) -> None:
    path = f"{RUN}/crops/full.zarr"
    next(file for file in (study / path / "rough/c").rglob("*") if file.is_file()).unlink()
    assert "changed since" in _faults(study)[path] and "array rough has 0 of 1 shards" in _faults(study)[path]


def test_a_missing_shard_whose_digest_was_made_right(study: Path) -> None:
    path = f"{RUN}/crops/full.zarr"
    next(file for file in (study / path / "target/c").rglob("*") if file.is_file()).unlink()
    reseal(study, path)
    assert "array target has 0 of 1 shards" in _faults(study)[path]


@pytest.mark.parametrize(
    ("manifest", "artifact"),
    [
        (f"{RUN}/pseudo/wssis.json.manifest.json", f"{RUN}/pseudo/wssis.json"),
        (f"{RUN}/crops/full.zarr.manifest.json", f"{RUN}/crops/full.zarr"),
        (f"{RUN}/students/wssis/manifest.json", f"{RUN}/students/wssis/model.safetensors"),
        ("report/manifest.json", "report/scores.csv"),
    ],
)
def test_a_deleted_manifest(study: Path, manifest: str, artifact: str) -> None:
    (study / manifest).unlink()
    assert "no manifest lists it" in _faults(study)[artifact]


def test_a_deleted_artifact(study: Path) -> None:
    path = f"{RUN}/students/rough/detections.json"
    (study / path).unlink()
    assert "is gone" in _faults(study)[path]


def test_an_artifact_and_its_manifest_deleted(study: Path) -> None:
    for name in ("weak.json", "weak.csv", "weak.json.manifest.json"):
        (study / RUN / "proposals" / name).unlink()
    faults = _faults(study)
    assert "is gone, and so is the manifest of it" in faults[f"{RUN}/pseudo/rough.json.manifest.json"]


def test_a_mixture_of_two_runs(study: Path, rerun_study: Path) -> None:
    """The teacher's folder of another run: its own digests are right, what was made with the first one tells."""
    shutil.rmtree(study / RUN / "teacher")
    shutil.copytree(rerun_study / RUN / "teacher", study / RUN / "teacher")
    faults = _faults(study)
    readers = {f"{RUN}/{path}.manifest.json" for path in ("proposals/weak.json", "pseudo/semi.json")}
    assert set(faults) == readers
    assert all("broken chain" in fault for fault in faults.values())


def test_one_artifact_with_its_manifest_from_another_run(study: Path, rerun_study: Path) -> None:
    folder = f"{RUN}/students/wssis"
    for name in ("detections.json", "scores.json", "evaluate.manifest.json"):
        shutil.copy(rerun_study / folder / name, study / folder / name)
    faults = _faults(study)
    assert "input model" in faults[f"{folder}/evaluate.manifest.json"]


def test_a_teacher_of_another_seed(study: Path) -> None:
    shutil.rmtree(study / RUN / "teacher")
    shutil.copytree(study / OTHER_RUN / "teacher", study / RUN / "teacher")
    faults = _faults(study)
    assert "of another run than this one" in faults[f"{RUN}/teacher/manifest.json"]
    assert "of another run than this one" in faults[f"{RUN}/teacher/evaluate.manifest.json"]


def test_an_artifact_of_another_study(study: Path) -> None:
    manifest = f"{RUN}/refiner/manifest.json"
    (study / manifest).write_text((study / manifest).read_text().replace("results/mini/", "results/other/"))
    assert "outside of this study" in _faults(study)[manifest]


def test_a_manifest_at_a_wrong_place(study: Path) -> None:
    folder = study / RUN / "folds/0"
    shutil.copy(study / RUN / "teacher/manifest.json", folder / "manifest.json")
    assert "is of the stage teacher" in _faults(study)[f"{RUN}/folds/0/manifest.json"]


@pytest.mark.parametrize("text", ["{", "[]", '{"outputs": {}}'])
def test_a_damaged_manifest(study: Path, text: str) -> None:
    path = f"{RUN}/split.manifest.json"
    (study / path).write_text(text)
    faults = _faults(study)
    assert path in faults and "no manifest lists it" in faults[f"{RUN}/full.json"]


def test_a_foreign_file(study: Path) -> None:
    (study / RUN / "pseudo/better.json").write_text("{}")
    assert "no manifest lists it" in _faults(study)[f"{RUN}/pseudo/better.json"]


def test_edited_counts(study: Path) -> None:
    path = f"{RUN}/pseudo/wssis.json.manifest.json"
    _edit(study / path, lambda one: one["counts"].update(pseudo_masks=1000))
    assert "counts: pseudo_masks is 1000, the files have" in _faults(study)[path]


def test_a_manifest_that_lacks_a_setting(study: Path) -> None:
    path, teacher = f"{RUN}/folds/1/manifest.json", f"{RUN}/teacher/manifest.json"
    _edit(study / path, lambda one: one["settings"].pop("folds"))
    _edit(study / teacher, lambda one: one["settings"].pop("network"))
    faults = _faults(study)
    assert "cannot be checked (KeyError('folds'))" in faults[path]
    assert "cannot be checked (KeyError('network'))" in faults[teacher]


# From here on all digests are right: the content alone tells.


def test_a_lost_pseudo_label(study: Path) -> None:
    path = f"{RUN}/pseudo/wssis.json"
    _edit(study / path, lambda coco: coco["annotations"].pop())
    reseal(study, path)
    assert "1 labels of weak.json are missing" in _faults(study)[path]


def test_a_point_with_two_pseudo_labels(study: Path) -> None:
    path = f"{RUN}/pseudo/wssis.json"
    _edit(study / path, lambda coco: coco["annotations"].append({**coco["annotations"][-1], "id": 9999}))
    reseal(study, path)
    assert "more than one pseudo label" in _faults(study)[path]


def test_a_point_without_mask_and_without_reason(study: Path) -> None:
    path = f"{RUN}/pseudo/rough.json"
    _edit(study / path, lambda coco: coco["annotations"][-1].update(segmentation=None))
    reseal(study, path)
    assert "2 points have no mask, 1 have a stated reason" in _faults(study)[path]


def test_a_lost_row_of_the_ledger(study: Path) -> None:
    path = f"{RUN}/proposals/weak.csv"
    (study / path).write_text("".join((study / path).read_text().splitlines(keepends=True)[:-1]))
    reseal(study, path)
    assert "points of the annotations it was given are missing" in _faults(study)[path]


def test_a_status_that_does_not_fit(study: Path) -> None:
    path = f"{RUN}/proposals/weak.csv"
    (study / path).write_text((study / path).read_text().replace("kept", "small", 1))
    reseal(study, path)
    faults = _faults(study)
    assert "1 records of status small have a proposal" in faults[path]
    assert "status_small is 0" in faults[f"{RUN}/proposals/weak.json.manifest.json"]


def test_a_broken_ledger(study: Path) -> None:
    path = f"{RUN}/proposals/full.csv"
    (study / path).write_text((study / path).read_text().replace("kept,1", "kept,one", 1))
    reseal(study, path)
    assert "not a ledger" in _faults(study)[path]


def test_a_fold_teacher_that_has_seen_its_images(study: Path) -> None:
    path = f"{RUN}/proposals/full.csv"
    text = (study / path).read_text()
    (study / path).write_text(text.replace("fold0", "foldX").replace("fold1", "fold0").replace("foldX", "fold1"))
    reseal(study, path)
    assert "predicted images it was trained on" in _faults(study)[path]


def test_a_mask_that_leaked_into_the_weak_file(study: Path) -> None:
    path = f"{RUN}/weak.json"
    _edit(study / path, lambda coco: coco["annotations"][0].update(area=12))
    reseal(study, path)
    assert "in weak.json it may hold category_id, id, image_id, point alone" in _faults(study)[path]


def test_a_point_outside_of_its_image(study: Path) -> None:
    path = f"{RUN}/weak.json"
    _edit(study / path, lambda coco: coco["annotations"][0].update(point=[64.0, 3.0]))
    reseal(study, path)
    assert "its point (64, 3) is outside of its image" in _faults(study)[path]


def test_a_mask_that_leaked_into_the_boxes(study: Path) -> None:
    path = f"{RUN}/box_points.json"
    _edit(study / path, lambda coco: coco["annotations"][0].update(area=12))
    reseal(study, path)
    assert "in box_points.json it may hold bbox, category_id, id, image_id, point_coords" in _faults(study)[path]


def test_a_point_in_a_box_without_its_label(study: Path) -> None:
    path = f"{RUN}/box_points.json"
    _edit(study / path, lambda coco: coco["annotations"][0]["point_labels"].pop())
    reseal(study, path)
    faults = _faults(study)
    assert "has 10 points and the labels" in faults[path] and "by the settings each has 10" in faults[path]
    assert "counts: points is" in faults[f"{RUN}/box_points.manifest.json"]


def test_a_lost_box(study: Path) -> None:
    path = f"{RUN}/box_points.json"
    _edit(study / path, lambda coco: coco["annotations"].pop())
    reseal(study, path)
    faults = _faults(study)
    for name in ("box_hidden_ids.csv", "pseudo/points10-selftrain.json"):
        assert "1 labels are not in box_points.json" in faults[f"{RUN}/{name}"]


def test_a_network_of_boxes_that_never_saw_one(study: Path) -> None:
    path = f"{RUN}/students/points10/manifest.json"
    _edit(study / path, lambda one: one["inputs"].pop("box_points"))
    assert "was trained without boxes with points, which points10 pays for" in _faults(study)[path]


def test_a_student_that_owes_to_boxes_it_does_not_pay_for(study: Path) -> None:
    path = f"{RUN}/students/rough/manifest.json"
    boxes = json.loads((study / RUN / "students/points10/manifest.json").read_text())["inputs"]["box_points"]
    _edit(study / path, lambda one: one["inputs"].update(more=boxes))
    assert "was made from boxes with points, which student does without here" in _faults(study)[path]


def test_masks_in_boxes_by_another_network(study: Path) -> None:
    path = f"{RUN}/pseudo/points10-selftrain.json.manifest.json"
    other = json.loads((study / RUN / "proposals/weak.json.manifest.json").read_text())["inputs"]["teacher"]
    _edit(study / path, lambda one: one["inputs"].update(model=other))
    assert "here it is students/points10/model.safetensors of the run" in _faults(study)[path]


def test_hidden_ids_that_lead_astray(study: Path) -> None:
    path = f"{RUN}/hidden_ids.csv"
    head, *rows = (study / path).read_text().split()
    pairs = [row.split(",") for row in rows]
    turned = [f"{weak},{pairs[place - 1][1]}" for place, (weak, _) in enumerate(pairs)]
    (study / path).write_text("\n".join([head, *turned]) + "\n")
    reseal(study, path)
    assert "objects of another image or class" in _faults(study)[path]


def test_a_lost_full_point(study: Path) -> None:
    path = f"{RUN}/full_points.csv"
    (study / path).write_text("".join((study / path).read_text().splitlines(keepends=True)[:-1]))
    reseal(study, path)
    assert "1 objects of the objects of full.json are missing" in _faults(study)[path]


def test_a_training_that_read_hidden_masks(study: Path) -> None:
    path = f"{RUN}/students/wssis/manifest.json"
    train = json.loads((study / RUN / "split.manifest.json").read_text())["inputs"]["train"]
    _edit(study / path, lambda one: one["inputs"].update(more=train))
    assert "holds the hidden masks of weak images" in _faults(study)[path]


def test_the_made_up_detections_of_semi_leave_something_to_check(sound_study: Path) -> None:
    counts = json.loads((sound_study / RUN / "pseudo/semi.json.manifest.json").read_text())["counts"]
    assert counts["labelled_images"] and counts["images_left_out"] and counts["pseudo_masks"]
    counts = json.loads((sound_study / RUN / "quality/semi.csv.manifest.json").read_text())["counts"]
    assert counts["masked"] and counts["dropped"]


def test_a_label_below_its_threshold(study: Path) -> None:
    path = f"{RUN}/pseudo/semi.json"
    _edit(study / path, lambda coco: coco["annotations"][-1].update(score=0.59))
    reseal(study, path)
    assert "1 labels are below the threshold of their class" in _faults(study)[path]


def test_a_label_of_semi_on_a_full_image(study: Path) -> None:
    path = f"{RUN}/pseudo/semi.json"
    _edit(study / path, lambda coco: coco["annotations"][-1].update(image_id=coco["annotations"][0]["image_id"]))
    reseal(study, path)
    assert "has labels on images that are full, or in no split" in _faults(study)[path]


def test_a_label_of_semi_that_has_a_point(study: Path) -> None:
    path = f"{RUN}/pseudo/semi.json"
    _edit(study / path, lambda coco: coco["annotations"][-1].update(point=[3, 4], point_id=1))
    reseal(study, path)
    assert "without a point, but holds point, point_id" in _faults(study)[path]


def test_an_image_without_labels_in_the_training_set_of_semi(study: Path) -> None:
    """Nobody said that it is empty."""
    path = f"{RUN}/pseudo/semi.json"
    left_out = json.loads((study / RUN / "weak.json").read_text())["images"]

    def add(coco: dict[str, Any]) -> None:
        here = {image["id"] for image in coco["images"]}
        coco["images"] += [image for image in left_out if image["id"] not in here][:1]

    _edit(study / path, add)
    reseal(study, path)
    assert "1 images are not in full.json and those that have labels" in _faults(study)[path]


def test_edited_counts_of_semi(study: Path) -> None:
    path = f"{RUN}/pseudo/semi.json.manifest.json"
    _edit(study / path, lambda one: one["counts"].update(images_left_out=0))
    assert "counts: images_left_out is 0, the files have" in _faults(study)[path]


def test_thresholds_of_a_class_are_missing(study: Path) -> None:
    path = f"{RUN}/arms/semi/thresholds.csv"
    (study / path).write_text("".join((study / path).read_text().splitlines(keepends=True)[:-1]))
    reseal(study, path)
    faults = _faults(study)
    assert "1 classes of full.json are missing" in faults[path]
    assert "are below the threshold of their class" in faults[f"{RUN}/pseudo/semi.json"]


def test_a_threshold_that_is_none(study: Path) -> None:
    path = f"{RUN}/arms/semi/thresholds.csv"
    (study / path).write_text((study / path).read_text().replace(",0.6,", ",1.6,", 1))
    reseal(study, path)
    assert "threshold is 1.6, not within 0 ... 1" in _faults(study)[path]


def test_thresholds_by_fold_teachers_of_other_folds(study: Path) -> None:
    path = f"{RUN}/arms/semi/thresholds.csv.manifest.json"
    _edit(study / path, lambda one: one["settings"].update(fold_seed=7))
    assert "fold0 is the teacher of fold 0 of 2 (seed 0): it has seen its images" in _faults(study)[path]


def test_labels_of_semi_that_owe_to_points(study: Path) -> None:
    """The student of wssis, which has learned from points, in the teacher's place."""
    path = f"{RUN}/pseudo/semi.json.manifest.json"
    student = json.loads((study / RUN / "students/wssis/evaluate.manifest.json").read_text())["inputs"]["model"]
    _edit(study / path, lambda one: one["inputs"].update(teacher=student))
    faults = _faults(study)
    assert "was made from points, which confident_labels does without" in faults[path]
    assert "was made from points" in faults[f"{RUN}/students/semi/manifest.json"]


def test_labels_of_semi_that_read_hidden_masks(study: Path) -> None:
    path = f"{RUN}/pseudo/semi.json.manifest.json"
    train = json.loads((study / RUN / "split.manifest.json").read_text())["inputs"]["train"]
    _edit(study / path, lambda one: one["inputs"].update(more=train))
    assert "holds the hidden masks of weak images" in _faults(study)[path]


def test_a_student_trained_on_the_oracle_s_masks(study: Path) -> None:
    path = f"{RUN}/students/wssis/manifest.json"
    hidden = json.loads((study / RUN / "students/oracle-mask/manifest.json").read_text())["inputs"]["training_set"]
    _edit(study / path, lambda one: one["inputs"].update(training_set=hidden))
    faults = _faults(study)
    assert "was made from hidden masks" in faults[path] and "here it is pseudo/wssis.json of the run" in faults[path]
    assert "was made from hidden masks" in faults[f"{RUN}/{SECOND}/proposals/weak.json.manifest.json"]


def test_more_points_with_masks_than_semi_has_labels(study: Path) -> None:
    path = f"{RUN}/quality/semi.csv"
    (study / path).write_text((study / path).read_text().replace(",dropped,", ",masked,"))
    _edit(study / RUN / "pseudo/semi.json", lambda coco: coco["annotations"].pop())
    reseal(study, path, f"{RUN}/pseudo/semi.json")
    assert "labels on these images" in _faults(study)[path]


def test_a_lost_row_of_the_second_round_s_ledger(study: Path) -> None:
    path = f"{RUN}/{SECOND}/proposals/weak.csv"
    (study / path).write_text("".join((study / path).read_text().splitlines(keepends=True)[:-1]))
    reseal(study, path)
    assert "points of the annotations it was given are missing" in _faults(study)[path]


def test_a_second_round_by_the_first_teacher(study: Path) -> None:
    path, first = (f"{RUN}/{folder}proposals/weak.json.manifest.json" for folder in (f"{SECOND}/", ""))
    teacher = json.loads((study / first).read_text())["inputs"]["teacher"]
    _edit(study / path, lambda one: one["inputs"].update(teacher=teacher))
    assert "here it is students/wssis/model.safetensors of the run" in _faults(study)[path]


def test_masks_of_the_first_round_in_the_second(study: Path) -> None:
    path, first = (f"{RUN}/pseudo/{arm}.json.manifest.json" for arm in ("wssis-2", "wssis"))
    proposals = json.loads((study / first).read_text())["inputs"]["proposals"]
    _edit(study / path, lambda one: one["inputs"].update(proposals=proposals))
    assert f"here it is {SECOND}/proposals/weak.json of the run" in _faults(study)[path]


def test_corrupted_masks(study: Path) -> None:
    path = "shapes/50pct/s0/corrupt/proposals/full.csv"
    whole = (study / path).read_text()
    (study / path).write_text("".join(whole.splitlines(keepends=True)[:-1]))
    reseal(study, path)
    assert "1 points of the annotations it was given are missing" in _faults(study)[path]
    (study / path).write_text(whole.replace("corrupted", "kept", 1).replace("corrupt,", "teacher,", 1))
    reseal(study, path)
    faults = _faults(study)[path]
    assert "a status that its stage does not give: kept" in faults
    assert "predictors that are not among its manifest's inputs: teacher" in faults


def test_a_status_of_corrupted_masks_among_predictions(study: Path) -> None:
    path = f"{RUN}/proposals/full.csv"
    (study / path).write_text((study / path).read_text().replace("kept", "corrupted", 1))
    reseal(study, path)
    assert "a status that its stage does not give: corrupted" in _faults(study)[path]


def test_further_masks_that_do_not_fit(study: Path) -> None:
    """Soft masks and bands that the settings do not ask for, and one of another size than its image."""
    rough, refined = f"{RUN}/proposals/weak.json", f"{RUN}/pseudo/wssis.json"

    def add(coco: dict[str, Any], key: str, many: bool) -> None:
        one = coco["annotations"][-1]
        other = {**one["segmentation"], "size": [8, 8]}
        one[key] = [one["segmentation"], other] if many else other

    _edit(study / rough, lambda coco: add(coco, "soft", many=True))
    _edit(study / refined, lambda coco: add(coco, "uncertain", many=False))
    reseal(study, rough, refined)
    faults = _faults(study)
    assert "has a mask in soft of another size" in faults[rough]
    assert "1 proposals have a soft mask; by the settings 0 do" in faults[rough]
    assert "has a mask in uncertain of another size" in faults[refined]
    assert "1 labels have an uncertain band; by the settings none has" in faults[refined]


def test_metrics_that_end_early(study: Path) -> None:
    path = f"{RUN}/teacher/metrics.jsonl"
    (study / path).write_text("".join((study / path).read_text().splitlines(keepends=True)[:-1]))
    reseal(study, path)
    assert "ends at step 20; the settings say 40" in _faults(study)[path]


def test_a_better_score(study: Path) -> None:
    path = f"{RUN}/students/wssis/scores.json"
    _edit(study / path, lambda scores: scores.update(AP=99.0))
    reseal(study, path)
    faults = _faults(study)
    assert "AP is 99.0, its manifest says" in faults[path] and "that file says 99.0" in faults["report/scores.csv"]


def test_a_better_score_in_the_table_alone(study: Path) -> None:
    path = "report/scores.csv"
    text = (study / path).read_text()
    first = text.splitlines()[1].split(",")
    (study / path).write_text(text.replace(first[9], "99.0", 1))
    reseal(study, path)
    assert "AP of shapes/50pct/s0/base/teacher/scores.json is 99.0" in _faults(study)[path]


def test_other_code_within_a_run_is_a_fault_and_across_the_study_a_note(study: Path) -> None:
    within, across = f"{RUN}/students/wssis/manifest.json", f"{OTHER_RUN}/refiner/manifest.json"
    for path in (within, across):
        _edit(study / path, lambda one: one.update(code="0" * 64))
    audit = audit_study(study)
    assert [fault.file for fault in audit.faults] == [within]
    assert "made by other code of student" in audit.faults[0].what
    assert f"{across}: made by other code of refiner" in _notes(audit)


def test_code_and_packages_that_have_changed_since_are_notes(study: Path) -> None:
    for path in study.rglob("crops/*.manifest.json"):
        _edit(path, lambda one: one.update(code="0" * 64))
    _edit(study / RUN / "split.manifest.json", lambda one: one["versions"].update(numpy="1.0"))
    audit = audit_study(study)
    assert audit.faults == []
    assert "the code of these stages has changed since they ran: crops (7 of 7)" in _notes(audit)
    assert "made with numpy 1.0; the most with" in _notes(audit)


def test_a_temporary_store_may_be_gone(study: Path) -> None:
    shutil.rmtree(study / RUN / "crops/weak.zarr")
    audit = audit_study(study)
    assert audit.faults == [] and "1 temporary artifacts are gone" in _notes(audit)
    shutil.rmtree(study / RUN / "crops/full.zarr")
    assert "does not call it temporary" in _faults(study)[f"{RUN}/crops/full.zarr"]


def test_an_unfinished_study_is_no_fault_and_is_said_so(study: Path) -> None:
    shutil.rmtree(study / "report")
    shutil.rmtree(study / OTHER_RUN)
    for arm in ("wssis-2", "supervised"):
        shutil.rmtree(study / RUN / "students" / arm)
    going = study / RUN / "students/wssis-2/metrics.jsonl"
    going.parent.mkdir()
    going.write_text('{"step": 1, "dice": 1.0}\n')
    (study / RUN / "pseudo/.tmp-rough.json").write_text("{")
    audit = audit_study(study)
    assert audit.faults == []
    assert "unfinished: no report yet" in _notes(audit) and "a training under way" in _notes(audit)
    assert "half written" in _notes(audit)


def test_a_moved_study_is_sound(sound_study: Path, tmp_path: Path) -> None:
    shutil.copytree(sound_study, tmp_path / "somewhere/else")
    assert audit_study(tmp_path / "somewhere/else").findings == []


def test_the_command_and_its_exit_status(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study.parents[1])
    Path("results/notes").mkdir()
    with pytest.raises(SystemExit) as ended:
        main(["audit", "results"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0 and f"{STUDY}\n" in printed and "not looked at: results/notes: no study" in printed
    (study / "shapes/val.json").write_text("{}")
    with pytest.raises(SystemExit) as ended:
        main(["audit", str(STUDY)])
    printed = capsys.readouterr().out
    assert ended.value.code == 1
    assert "FAULT  shapes/val.json" in printed and "remedy: put the file back, or run generate again" in printed


def test_a_variant_reads_the_base_run(study: Path) -> None:
    shutil.copytree(study / RUN / "students/rough", study / "shapes/50pct/s0/long/students/rough")
    assert audit_study(study).faults == []
    elsewhere = f"{OTHER_RUN}/students/more"
    shutil.copytree(study / RUN / "students/rough", study / elsewhere)
    assert set(_faults(study)) == {f"{elsewhere}/manifest.json", f"{elsewhere}/evaluate.manifest.json"}


def test_an_output_with_two_manifests(study: Path) -> None:
    path = f"{RUN}/copy.manifest.json"
    shutil.copy(study / RUN / "points.manifest.json", study / path)
    assert "listed as an output here and in" in _faults(study)[f"{RUN}/points.manifest.json"]


def test_what_was_not_checked_is_said(study: Path) -> None:
    folder = study / RUN / "arms/new"
    folder.mkdir(parents=True)
    (folder / "boxes.json").write_text("{}")
    content = json.loads((study / RUN / "split.manifest.json").read_text())
    content |= {"stage": "boxes", "outputs": {"boxes.json": digest_of(folder / "boxes.json")}}
    (folder / "manifest.json").write_text(json.dumps(content))
    _edit(
        study / RUN / "teacher/manifest.json",
        lambda one: one["settings"]["network"]["backbone"].update(weights="mine.safetensors"),
    )
    unchecked = "\n".join(audit_study(study).unchecked)
    assert "15 given files from outside of the study" in unchecked
    assert f"1 artifacts of a kind that has no check: {RUN}/arms/new/boxes.json" in unchecked
    assert "stages that have no check: boxes" in unchecked and "no digest is on record: mine.safetensors" in unchecked


def test_no_pytorch(sound_study: Path) -> None:
    """Looking at a study is for login nodes, too."""
    checkpoint = str(sound_study / RUN / "teacher/model.safetensors")
    code = (
        "import sys; from pathlib import Path; from wssis.audit.auditing import audit_study;"
        "from wssis.audit.show import show; from wssis.audit.show_pictures import write_picture;"
        "from wssis.audit.archive import audit_archive; from wssis.audit.trace import ancestry;"
        f"audit_study(Path({str(sound_study)!r})); show(Path({checkpoint!r}));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


def test_no_study_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no study here; give a study's folder"):
        studies_in(tmp_path)


def test_a_study_of_many_points_is_read_by_worker_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark's made-up study, small: sound, and the same findings with and without worker processes."""
    monkeypatch.syspath_prepend(REPOSITORY)
    from benchmarks.audit_scale import write_study

    write_study(tmp_path / "large", images=400, objects=2000, crowd=20)
    monkeypatch.setattr(contents, "LARGE", 0)
    path = "coco/1pct/s0/base/proposals/weak.json"
    assert audit_study(tmp_path / "large").faults == []
    lost: list[dict[str, Any]] = []
    _edit(tmp_path / "large" / path, lambda coco: lost.append(coco["annotations"].pop()))
    found = [audit_study(tmp_path / "large", workers) for workers in (0, 2)]
    assert found[0].findings == found[1].findings
    assert f"1 proposals of the ledger are missing: {lost[0]['id']}" in {fault.what for fault in found[1].faults}
