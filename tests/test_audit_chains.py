"""wssis audit: edited, swapped, deleted and mixed files are found by digests, manifests and the chains between them."""

import shutil
from pathlib import Path

import pytest
import torch
from audit_fixtures import reseal
from tampering import OTHER_RUN, RUN, edit, faults_of

from wssis.audit.auditing import audit_study
from wssis.formats.checkpoint import load_model, save_model


def test_an_edited_json(study: Path) -> None:
    path = f"{RUN}/proposals/weak.json"
    edit(study / path, lambda coco: coco["annotations"][0].update(score=0.9))
    assert "changed since it was written" in faults_of(study)[path]


def test_one_more_space_in_a_json(study: Path) -> None:
    path = "shapes/val.json"
    (study / path).write_text((study / path).read_text() + " ")
    assert list(faults_of(study)) == [path]


def test_an_edited_csv(study: Path) -> None:
    path = f"{RUN}/split.csv"
    (study / path).write_text((study / path).read_text().replace("point", "full", 1))
    faults = faults_of(study)
    assert "changed since" in faults[path]
    assert "missing" in faults[f"{RUN}/full.json"] and "not in kind point" in faults[f"{RUN}/weak.json"]


def test_a_swapped_checkpoint(study: Path) -> None:
    path = f"{RUN}/students/wssis/model.safetensors"
    shutil.copy(study / f"{RUN}/students/rough/model.safetensors", study / path)
    save_model(study / path, {"head.weight": torch.ones(2, 3)}, load_model(study / path)[1])
    assert "changed since it was written" in faults_of(study)[path]


def test_a_checkpoint_of_the_wrong_network(study: Path) -> None:
    path = f"{RUN}/teacher/model.safetensors"
    weights, metadata = load_model(study / path)
    save_model(study / path, weights, metadata | {"kind": "maskrefinenet"})
    reseal(study, path)
    assert "holds a maskrefinenet" in faults_of(study)[path]


def test_an_early_snapshot_in_the_place_of_the_final_weights(study: Path) -> None:
    path = f"{RUN}/teacher/model.safetensors"
    shutil.copy(study / f"{RUN}/teacher/snapshot1.safetensors", study / path)
    reseal(study, path)
    assert "saved at step 20; the settings say 40" in faults_of(study)[path]


def test_a_truncated_checkpoint(study: Path) -> None:
    path = f"{RUN}/refiner/model.safetensors"
    (study / path).write_bytes((study / path).read_bytes()[:-8])
    reseal(study, path)
    assert "does not hold what it should" in faults_of(study)[path]


def test_a_store_with_a_missing_shard(study: Path) -> None:
    path = f"{RUN}/crops/full.zarr"
    next(file for file in (study / path / "rough/c").rglob("*") if file.is_file()).unlink()
    assert "changed since" in faults_of(study)[path] and "array rough has 0 of 1 shards" in faults_of(study)[path]


def test_a_missing_shard_whose_digest_was_made_right(study: Path) -> None:
    path = f"{RUN}/crops/full.zarr"
    next(file for file in (study / path / "target/c").rglob("*") if file.is_file()).unlink()
    reseal(study, path)
    assert "array target has 0 of 1 shards" in faults_of(study)[path]


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
    assert "no manifest lists it" in faults_of(study)[artifact]


def test_a_deleted_artifact(study: Path) -> None:
    path = f"{RUN}/students/rough/detections.json"
    (study / path).unlink()
    assert "is gone" in faults_of(study)[path]


def test_an_artifact_and_its_manifest_deleted(study: Path) -> None:
    for name in ("weak.json", "weak.csv", "weak.json.manifest.json"):
        (study / RUN / "proposals" / name).unlink()
    faults = faults_of(study)
    assert "is gone, and no manifest lists it" in faults[f"{RUN}/pseudo/rough.json.manifest.json"]


def test_a_mixture_of_two_runs(study: Path, rerun_study: Path) -> None:
    """The teacher's folder of another run: its own digests are right, what was made with the first one tells."""
    shutil.rmtree(study / RUN / "teacher")
    shutil.copytree(rerun_study / RUN / "teacher", study / RUN / "teacher")
    faults = faults_of(study)
    readers = {f"{RUN}/{path}.manifest.json" for path in ("proposals/weak.json", "pseudo/semi.json")}
    assert set(faults) == readers
    assert all("broken chain" in fault for fault in faults.values())


def test_one_artifact_with_its_manifest_from_another_run(study: Path, rerun_study: Path) -> None:
    folder = f"{RUN}/students/wssis"
    for name in ("detections.json", "scores.json", "evaluate.manifest.json"):
        shutil.copy(rerun_study / folder / name, study / folder / name)
    faults = faults_of(study)
    assert "input model" in faults[f"{folder}/evaluate.manifest.json"]


def test_a_teacher_of_another_seed(study: Path) -> None:
    shutil.rmtree(study / RUN / "teacher")
    shutil.copytree(study / OTHER_RUN / "teacher", study / RUN / "teacher")
    faults = faults_of(study)
    assert "of another run than this one" in faults[f"{RUN}/teacher/manifest.json"]
    assert "of another run than this one" in faults[f"{RUN}/teacher/evaluate.manifest.json"]


def test_an_artifact_of_another_study(study: Path) -> None:
    manifest = f"{RUN}/refiner/manifest.json"
    (study / manifest).write_text((study / manifest).read_text().replace("results/mini/", "results/other/"))
    assert "outside of this study" in faults_of(study)[manifest]


def test_a_manifest_at_a_wrong_place(study: Path) -> None:
    folder = study / RUN / "folds/0"
    shutil.copy(study / RUN / "teacher/manifest.json", folder / "manifest.json")
    assert "is of the stage teacher" in faults_of(study)[f"{RUN}/folds/0/manifest.json"]


@pytest.mark.parametrize("text", ["{", "[]", '{"outputs": {}}'])
def test_a_damaged_manifest(study: Path, text: str) -> None:
    path = f"{RUN}/split.manifest.json"
    (study / path).write_text(text)
    faults = faults_of(study)
    assert path in faults and "no manifest lists it" in faults[f"{RUN}/full.json"]


def test_a_foreign_file(study: Path) -> None:
    (study / RUN / "pseudo/better.json").write_text("{}")
    assert "no manifest lists it" in faults_of(study)[f"{RUN}/pseudo/better.json"]


def test_edited_counts(study: Path) -> None:
    path = f"{RUN}/pseudo/wssis.json.manifest.json"
    edit(study / path, lambda one: one["counts"].update(pseudo_masks=1000))
    assert "counts: pseudo_masks is 1000, the files have" in faults_of(study)[path]


def test_a_manifest_that_lacks_a_setting(study: Path) -> None:
    path, teacher = f"{RUN}/folds/1/manifest.json", f"{RUN}/teacher/manifest.json"
    edit(study / path, lambda one: one["settings"].pop("folds"))
    edit(study / teacher, lambda one: one["settings"].pop("network"))
    faults = faults_of(study)
    assert "cannot be checked (KeyError('folds'))" in faults[path]
    assert "cannot be checked (KeyError('network'))" in faults[teacher]


def test_a_variant_reads_the_base_run(study: Path) -> None:
    shutil.copytree(study / RUN / "students/rough", study / "shapes/50pct/s0/long/students/rough")
    assert audit_study(study).faults == []
    elsewhere = f"{OTHER_RUN}/students/more"
    shutil.copytree(study / RUN / "students/rough", study / elsewhere)
    assert set(faults_of(study)) == {f"{elsewhere}/manifest.json", f"{elsewhere}/evaluate.manifest.json"}


def test_an_output_with_two_manifests(study: Path) -> None:
    path = f"{RUN}/copy.manifest.json"
    shutil.copy(study / RUN / "points.manifest.json", study / path)
    assert "listed as an output here and in" in faults_of(study)[f"{RUN}/points.manifest.json"]
