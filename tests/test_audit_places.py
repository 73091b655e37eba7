"""Audit: inputs that lie where no workflow puts them, folders behind links, what does not belong together."""

import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from audit_fixtures import reseal
from tampering import RUN, edit, faults_of, give_input, tamper

from wssis.audit import digests
from wssis.audit.auditing import account, audit_study, print_account
from wssis.audit.report_inputs import _places
from wssis.errors import InputError
from wssis.formats.manifest import digest_of

ROUGH, WSSIS = f"{RUN}/students/rough", f"{RUN}/students/wssis"
EVALUATED = ("scores.json", "detections.json", "evaluate.manifest.json")


def _give_copy(study: Path, manifest: str, name: str, source: str, copy: Path) -> None:
    """Let a manifest have read, as its input `name`, a copy of a file outside of the study."""
    shutil.copy(study / source, copy)
    given = {"path": copy.as_posix(), "sha256": digest_of(copy)}
    edit(study / manifest, lambda one: one["inputs"].update({name: given}))


def test_the_results_of_two_arms_exchanged(study: Path, tmp_path: Path) -> None:
    """With their manifests: every digest holds, and a report made anew would show each as the other."""
    for name in EVALUATED:
        (study / WSSIS / name).rename(tmp_path / name)
        (study / ROUGH / name).rename(study / WSSIS / name)
        (tmp_path / name).rename(study / ROUGH / name)
    fault = faults_of(study)[f"{WSSIS}/evaluate.manifest.json"]
    assert f"input model is {ROUGH}/model.safetensors; here it is students/wssis/model.safetensors" in fault


@pytest.mark.parametrize(
    ("manifest", "name"),
    [("teacher/manifest.json", "full"), ("students/wssis/evaluate.manifest.json", "val"),
     ("pseudo/wssis.json.manifest.json", "refiner"), ("students/rough/manifest.json", "training_set"),
     ("crops/full.zarr.manifest.json", "proposals"), ("quality/wssis.csv.manifest.json", "pseudo")],
)  # fmt: skip
def test_an_input_that_is_missing(study: Path, manifest: str, name: str) -> None:
    edit(study / RUN / manifest, lambda one: one["inputs"].pop(name))
    assert f"has no input {name}" in faults_of(study)[f"{RUN}/{manifest}"]


REPORT = "report/manifest.json"


def test_training_curves_of_another_network(study: Path) -> None:
    read, other = (f"metrics {RUN}/{arm}" for arm in ("wssis", "rough"))
    edit(study / REPORT, lambda one: one["inputs"].update({read: one["inputs"][other]}))
    fault = faults_of(study)[REPORT]
    assert f"input {read} is {ROUGH}/metrics.jsonl; here it is {WSSIS}/metrics.jsonl" in fault


def test_a_report_that_names_no_curves_of_a_network(study: Path) -> None:
    edit(study / REPORT, lambda one: one["inputs"].pop(f"metrics {RUN}/wssis"))
    assert f"has no input metrics {RUN}/wssis" in faults_of(study)[REPORT]


def test_an_older_report_names_no_curves_at_all(study: Path) -> None:
    def without(one: dict[str, Any]) -> None:
        one["inputs"] = {name: given for name, given in one["inputs"].items() if not name.startswith("metrics ")}

    edit(study / REPORT, without)
    assert REPORT not in faults_of(study)


def test_metrics_that_were_written_again_after_the_report(study: Path) -> None:
    """The training's own manifest knows the new ones: the report alone tells of the old."""
    path = f"{WSSIS}/metrics.jsonl"
    (study / path).write_text((study / path).read_text().replace("0.01", "0.02"))
    manifest = study / WSSIS / "manifest.json"
    edit(manifest, lambda one: one["outputs"].update({"metrics.jsonl": digest_of(study / path)}))
    assert f"broken chain: it was made from a {path}" in faults_of(study)[REPORT]


@pytest.mark.parametrize(
    ("name", "places"),
    [("val shapes", ["shapes/val.json"]),
     ("point shapes/10pct/s0/more", ["shapes/10pct/s0/more/weak.json", "shapes/10pct/s0/base/weak.json"]),
     ("metrics shapes/10pct/s0/base/refiner", ["shapes/10pct/s0/base/refiner/metrics.jsonl"]),
     ("quality shapes/10pct/s0/base/wssis", ["shapes/10pct/s0/base/quality/wssis.csv"]),
     ("scores results/mini", []), ("more", [])],
)  # fmt: skip
def test_the_place_that_the_name_of_an_input_tells(name: str, places: list[str]) -> None:
    assert _places(name) == places


@pytest.mark.parametrize(
    ("manifest", "name"),
    [("students/wssis/manifest.json", "metrics.jsonl"), ("pseudo/rough.json.manifest.json", "rough.json"),
     ("proposals/weak.json.manifest.json", "weak.csv"), ("split.manifest.json", "full.json")],
)  # fmt: skip
def test_an_output_that_is_struck_from_its_manifest(study: Path, manifest: str, name: str) -> None:
    """With its file, so that nothing is unlisted."""
    edit(study / RUN / manifest, lambda one: one["outputs"].pop(name))
    ((study / RUN / manifest).parent / name).unlink()
    assert f"does not list {name}" in faults_of(study)[f"{RUN}/{manifest}"]


def test_an_image_of_another_size(study: Path) -> None:
    path = f"{RUN}/weak.json"
    tamper(study, path, lambda coco: coco["images"][0].update(width=1000))
    assert "1 images have another size than in train.json" in faults_of(study)[path]


@pytest.mark.parametrize("score", [7.5, None, -0.1])
def test_a_score_that_is_none(study: Path, score: float | None) -> None:
    path = f"{RUN}/pseudo/wssis.json"

    def change(coco: dict[str, Any]) -> None:
        label = next(one for one in coco["annotations"] if one.get("source") == "pseudo" and one["segmentation"])
        label["score"] = score

    tamper(study, path, change)
    assert "1 labels have a mask, and no score within 0 ... 1" in faults_of(study)[path]


def test_a_network_in_the_refiners_place(study: Path) -> None:
    path = f"{RUN}/pseudo/wssis.json.manifest.json"
    give_input(study, path, f"{RUN}/proposals/weak.json.manifest.json", "teacher", to="refiner")
    assert f"input refiner is {RUN}/teacher/model.safetensors" in faults_of(study)[path]


def test_a_copy_of_the_hidden_masks(study: Path, tmp_path: Path) -> None:
    """Outside of the study and under another name, it still is what the digest says."""
    path = f"{RUN}/teacher/manifest.json"
    _give_copy(study, path, "full", "shapes/train.json", tmp_path / "mine.json")
    assert "mine.json, a copy of shapes/train.json (input full), which holds the hidden masks" in faults_of(study)[path]


@pytest.mark.parametrize("outside", [False, True])
def test_validation_labels_in_a_training(study: Path, tmp_path: Path, outside: bool) -> None:
    path = f"{WSSIS}/manifest.json"
    if outside:
        _give_copy(study, path, "more", "shapes/val.json", tmp_path / "more.json")
    else:
        give_input(study, path, f"{WSSIS}/evaluate.manifest.json", "val")
    assert "which holds validation labels" in faults_of(study)[path]


def test_given_annotations_may_be_those_of_an_earlier_study(study: Path, tmp_path: Path) -> None:
    """Checked once, they come out of prepare as they go in."""
    path = "shapes/prepare.manifest.json"
    for name in ("train", "val"):
        _give_copy(study, path, name, f"shapes/{name}.json", tmp_path / f"{name}.json")
    assert path not in faults_of(study)


def test_a_folder_behind_a_link_is_audited(study: Path, tmp_path: Path) -> None:
    whole = audit_study(study)
    shutil.move(study / WSSIS, tmp_path / "moved")
    (study / WSSIS).symlink_to(tmp_path / "moved")
    (study / "shapes/around").symlink_to(study)
    linked = audit_study(study)
    assert (linked.manifests, linked.artifacts, linked.faults) == (whole.manifests, whole.artifacts, [])
    edit(tmp_path / "moved/scores.json", lambda one: one.update(AP=99.0))
    assert "changed since it was written" in faults_of(study)[f"{WSSIS}/scores.json"]


def test_a_folder_that_cannot_be_read(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if str(path).endswith("/quality"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"quality: cannot be read \(Permission denied\); make it readable"):
        audit_study(study)


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no path": lambda one: one["inputs"]["val"].update(path=None),
    "an empty path": lambda one: one["inputs"]["val"].update(path=""),
    "no digest": lambda one: one["inputs"]["val"].update(sha256=None),
    "output without digest": lambda one: one["outputs"].update({"scores.json": None}),
    "output elsewhere": lambda one: one["outputs"].update({"../../teacher/scores.json": "0"}),
    "version": lambda one: one["versions"].update(torch=None),
    "no versions": lambda one: one["versions"].clear(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_manifest_is_named(study: Path, damage: str) -> None:
    path = f"{WSSIS}/evaluate.manifest.json"
    edit(study / path, DAMAGES[damage])
    assert path in faults_of(study)


def test_ids_beyond_all_numbers(study: Path) -> None:
    path = "shapes/val.json"
    tamper(study, path, lambda coco: coco["images"][0].update(id=2**70))
    assert path in faults_of(study)


@pytest.mark.parametrize(
    ("key", "what"), [("category_id", "are of another class than in weak.json"), ("image_id", "are on another image")]
)
def test_a_pseudo_label_of_another_class_or_image_than_its_point(study: Path, key: str, what: str) -> None:
    path = f"{RUN}/pseudo/rough.json"

    def change(coco: dict[str, Any]) -> None:
        label = next(one for one in coco["annotations"] if one.get("source") == "pseudo")
        others = {one[key] for one in coco["annotations"]} - {label[key]}
        label[key] = min(others)

    tamper(study, path, change)
    assert what in faults_of(study)[path]


@pytest.mark.parametrize("place", ["pseudo/rough.json", "proposals/weak.json"])
def test_a_mask_of_a_point_that_lies_elsewhere(study: Path, place: str) -> None:
    """In the training set by weak.json, in the proposals by their ledger."""

    def move(coco: dict[str, Any]) -> None:
        one = next(one for one in coco["annotations"] if "point" in one)
        one["point"][0] += 0.25 if one["point"][0] < 1 else -0.25

    tamper(study, f"{RUN}/{place}", move)
    told = "points lie elsewhere than in weak.json" if "pseudo" in place else "the point differs from the ledger"
    assert told in faults_of(study)[f"{RUN}/{place}"]


def test_a_ledger_of_points_that_lie_elsewhere(study: Path) -> None:
    path = study / RUN / "proposals/weak.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[0, "x"] = str(float(table.loc[0, "x"]) + (0.25 if float(table.loc[0, "x"]) < 1 else -0.25))
    table.to_csv(path, index=False)
    reseal(study, f"{RUN}/proposals/weak.csv")
    assert "1 points lie elsewhere than in weak.json" in faults_of(study)[f"{RUN}/proposals/weak.csv"]


def test_an_ap_that_is_not_the_mean_of_its_classes(study: Path) -> None:
    path = f"{WSSIS}/scores.json"
    edit(study / WSSIS / "evaluate.manifest.json", lambda one: one["counts"].update(AP=one["counts"]["AP"] + 30))
    tamper(study, path, lambda one: one.update(AP=one["AP"] + 30, objects=one["objects"] + 1))
    fault = faults_of(study)[path]
    assert "the mean of its classes is" in fault and "its classes have" in fault and "more than AP50" in fault


def test_copies_within_the_study_are_noted(study: Path) -> None:
    shutil.copytree(study / WSSIS, study / f"{RUN}/students/wssis-old")
    shutil.copytree(study / WSSIS, study / WSSIS / "old")
    notes = {note.file: note.what for note in audit_study(study).notes}
    assert "does not know, wssis-old" in notes[f"{RUN}/students/wssis-old/manifest.json"]
    assert "where the workflow puts none" in notes[f"{WSSIS}/old/manifest.json"]
    assert "evaluated networks are not in the report" in notes["report/manifest.json"]


def test_the_true_masks_of_other_images_behind_the_quality(study: Path) -> None:
    path = f"{RUN}/quality/wssis.csv.manifest.json"
    give_input(study, path, f"{RUN}/quality/points10-selftrain.csv.manifest.json", "hidden_ids", to="hidden_ids")
    fault = faults_of(study)[path]
    assert f"input hidden_ids is {RUN}/box_hidden_ids.csv; here it is hidden_ids.csv of the run" in fault


def test_targets_of_crops_that_are_not_the_full_masks(study: Path) -> None:
    path = f"{RUN}/crops/full.zarr.manifest.json"
    give_input(study, path, f"{WSSIS}/manifest.json", "training_set", to="targets")
    assert "here it is full.json of the run" in faults_of(study)[path]


def test_an_output_that_cannot_be_read_is_named_with_the_reason(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        if path.name == "detections.json":
            raise PermissionError(13, "Permission denied", str(path))
        return digest_of(path)

    monkeypatch.setattr(digests, "digest_of", refuse)
    assert "cannot be read (Permission denied)" in faults_of(study)[f"{WSSIS}/detections.json"]


def test_names_that_the_terminal_cannot_show(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (study / "shapes/größe.json").write_text("{}")
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert print_account([audit_study(study)]) == 1
    assert b"FAULT  shapes/gr\\xf6\\xdfe.json" in written.getvalue()


def test_a_line_break_in_a_name_makes_no_line(study: Path) -> None:
    (study / "shapes/a\n  0 faults").write_text("")
    assert "FAULT  shapes/a\\n  0 faults" in account([audit_study(study)])
