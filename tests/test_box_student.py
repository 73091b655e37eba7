"""train-box-student on four small images; evaluation, prediction and masks in given boxes with what it trains."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from box_fixtures import box_points_set, student_settings
from predict_fixtures import write_segmentor
from segmentor_fixtures import HEIGHT, WIDTH, training_set, write_study

from wssis.cli import main
from wssis.config.maskrcnn import BoxStudentSettings
from wssis.config.segmentor_stages import DetectionSettings, EvaluateSettings
from wssis.config.training import InferenceSettings
from wssis.engine.box_predictor import load_box_segmentor, masks_in_boxes
from wssis.engine.box_task import BoxTask
from wssis.engine.predictor import load_segmentor
from wssis.errors import InputError
from wssis.formats.box_points import write_box_points
from wssis.formats.checkpoint import load_model
from wssis.formats.coco import decode_mask, write_coco
from wssis.formats.images_table import read_images_table
from wssis.formats.manifest import read_manifest
from wssis.stages import box_student, evaluate, predict_shown

CPU = torch.device("cpu")
INFERENCE = InferenceSettings(short_side=48, long_side=64, threads=1, score_threshold=0.0, batch=2)
HERE = Path(__file__).resolve().parent


def with_masks() -> dict[str, Any]:
    """Images 1 and 2: two objects with masks; one with a crowd alone."""
    coco = training_set()
    coco["images"] = coco["images"][:2]
    coco["annotations"] = [a for a in coco["annotations"] if a["image_id"] < 3 and a["segmentation"]]
    return coco


def write_sets(folder: Path) -> dict[str, Any]:
    """Images, images.csv, full.json, box_points.json and val.json; the arguments of the stage."""
    paths = write_study(folder)
    write_coco(folder / "full.json", with_masks())
    write_box_points(folder / "box_points.json", box_points_set())
    boxes = [one | {"area": 100, "bbox": [0, 0, 10, 10]} for one in with_masks()["annotations"]]
    write_coco(folder / "val.json", with_masks() | {"annotations": boxes, "images": training_set()["images"]})
    return paths


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def paths(folder: Path) -> dict[str, Any]:
    return write_sets(folder)


@pytest.fixture(scope="module")
def trained(folder: Path, paths: dict[str, Any]) -> Path:
    """A network's outputs, trained through the command line."""
    options = {"full": folder / "full.json", "box-points": folder / "box_points.json", "out": folder / "student"}
    options |= {name.replace("_", "-"): path for name, path in paths.items()}
    pairs = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    with pytest.raises(SystemExit) as ended:
        main(["train-box-student", *pairs, "--settings", student_settings().model_dump_json()])
    assert ended.value.code == 0
    return folder / "student"


def test_outputs_and_counts(trained: Path, folder: Path) -> None:
    manifest = read_manifest(trained / "manifest.json")
    assert sorted(manifest["outputs"]) == ["metrics.jsonl", "model.safetensors"]
    assert sorted(manifest["inputs"]) == ["box_points", "full", "images_table"]
    counts = manifest["counts"]
    assert (counts["images"], counts["objects"], counts["masks"], counts["points"]) == (4, 7, 3, 17)
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert {"objectness", "anchor_boxes", "classes", "boxes", "masks"} <= lines[-1].keys() and lines[-1]["step"] == 4
    metadata = load_model(trained / "model.safetensors")[1]
    assert metadata["kind"] == "mask-rcnn" and metadata["step"] == "4"
    assert json.loads(metadata["categories"]) == [{"id": 3, "name": "early"}, {"id": 7, "name": "late"}]
    assert not any((folder / ".state").rglob("state.pt"))


def test_same_seed_same_bytes_another_seed_others(trained: Path, folder: Path, paths: dict[str, Any]) -> None:
    given = folder / "full.json", folder / "box_points.json"
    box_student.run(student_settings(), *given, out=folder / "again", workers=2, **paths)
    box_student.run(student_settings(seed=1), *given, out=folder / "other", **paths)
    model = (trained / "model.safetensors").read_bytes()
    assert (folder / "again" / "model.safetensors").read_bytes() == model
    assert (folder / "other" / "model.safetensors").read_bytes() != model


def test_points_alone_and_masks_alone(folder: Path, paths: dict[str, Any]) -> None:
    settings = student_settings("implicit-pointrend")
    box_student.run(settings, None, folder / "box_points.json", out=folder / "points", **paths)
    assert read_manifest(folder / "points" / "manifest.json")["counts"]["images"] == 2
    assert load_model(folder / "points" / "model.safetensors")[1]["kind"] == "implicit-pointrend"
    box_student.run(student_settings(), folder / "full.json", None, out=folder / "masks", **paths)
    assert read_manifest(folder / "masks" / "manifest.json")["counts"]["points"] == 0


def test_refusals(folder: Path, paths: dict[str, Any]) -> None:
    def run(full: Path | None, box_points: Path | None) -> None:
        box_student.run(student_settings(), full, box_points, out=folder / "refused", **paths)

    with pytest.raises(InputError, match="nothing to train on"):
        run(None, None)
    write_coco(folder / "twice.json", with_masks() | {"images": training_set()["images"][:3]})
    with pytest.raises(InputError, match=r"box_points\.json: image 3 is in .*twice\.json, too"):
        run(folder / "twice.json", folder / "box_points.json")
    odd = with_masks()
    odd["categories"][0] = {"id": 9, "name": "late"}
    odd["annotations"] = []
    write_coco(folder / "odd.json", odd)
    with pytest.raises(InputError, match=r"category ids \[3, 7\] are not those of .*odd\.json: \[3, 9\]"):
        run(folder / "odd.json", folder / "box_points.json")
    write_coco(folder / "points.json", training_set())
    with pytest.raises(InputError, match="annotation 13: has neither segmentation nor bbox"):
        run(folder / "points.json", None)
    with pytest.raises(ValueError, match="set compile: false"):
        BoxStudentSettings.model_validate({"optimizer": {"compile": True}})
    assert not (folder / "refused" / "manifest.json").exists()


def test_evaluated_and_shown(trained: Path, folder: Path, paths: dict[str, Any]) -> None:
    given = folder / "val.json", paths["images_table"], paths["image_dir"]
    settings = EvaluateSettings(inference=INFERENCE, max_detections=7)
    evaluate.run(settings, trained / "model.safetensors", *given, trained)
    detections = json.loads((trained / "detections.json").read_text())
    assert [sum(one["image_id"] == number for one in detections) for number in (1, 2, 3, 4)] == [7] * 4
    for one in detections:
        x, y, width, height = one["bbox"]
        assert x >= 0 and y >= 0 and x + width <= WIDTH + 0.01 and y + height <= HEIGHT + 0.01
        mask = decode_mask(one, HEIGHT, WIDTH)
        rows, columns = np.nonzero(mask)
        if len(rows):
            assert columns.min() >= x - 1 and columns.max() <= x + width and rows.min() >= y - 1
    assert len({one["category_id"] for one in detections} - {3, 7}) == 0
    shown = DetectionSettings(inference=INFERENCE, max_detections=7)
    predict_shown.run(shown, trained / "model.safetensors", *given, folder / "shown.json")
    assert json.loads((folder / "shown.json").read_text()) == detections


def test_predict_finds_the_same(trained: Path, folder: Path, paths: dict[str, Any]) -> None:
    """The detections of an evaluation, and its settings, which predict reads beside the model."""
    settings, student, out = EvaluateSettings(inference=INFERENCE, max_detections=5), folder / "copy", folder / "out"
    model = Path(shutil.copytree(trained, student)) / "model.safetensors"
    evaluate.run(settings, model, folder / "val.json", paths["images_table"], paths["image_dir"], student)
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(model), str(paths["image_dir"]), "--out", str(out), "--overlays", "1"])
    assert ended.value.code == 0
    images = json.loads((out / "images.json").read_text())
    assert images["categories"][0] == {"id": 3, "name": "early"}
    names = {one["id"]: int(Path(one["file_name"]).stem) for one in images["images"]}
    found = json.loads((out / "detections.json").read_text())
    expected = json.loads((student / "detections.json").read_text())
    assert len(expected) == 20 and [one | {"image_id": names[one["image_id"]]} for one in found] == expected


def test_masks_in_given_boxes(trained: Path, paths: dict[str, Any]) -> None:
    segmentor = load_box_segmentor(trained / "model.safetensors", CPU)
    rows = list(read_images_table(paths["images_table"], "train").values())
    annotations: dict[int, list[dict[str, Any]]] = {
        number: [
            {"id": 10 * number + place, "category_id": 3 + 4 * place, "bbox": [10 * place + 1, 5, 20, 30]}
            for place in range(number - 1)
        ]
        for number in (1, 2, 3)
    }
    annotations[4] = [{"id": 9, "category_id": 7, "bbox": [63, 47, 1, 1]}]
    arguments = segmentor, rows, annotations, paths["image_dir"]
    found = dict(masks_in_boxes(*arguments, INFERENCE.model_copy(update={"mask_threshold": 0.2}), "test"))
    assert {image: len(masks) for image, masks in found.items()} == {2: 1, 3: 2, 4: 1}, "no annotations, no masks"
    for one, own in zip(annotations[3], found[3], strict=True):
        mask = decode_mask({"id": one["id"], "segmentation": own.segmentation}, HEIGHT, WIDTH)
        assert mask.any() and 0.2 < own.score <= 1
        rows_of, columns = np.nonzero(mask)
        x, y, width, height = one["bbox"]
        assert columns.min() >= x - 1 and columns.max() <= x + width and rows_of.max() <= y + height
    strict = dict(masks_in_boxes(*arguments, INFERENCE.model_copy(update={"mask_threshold": 0.999}), "test"))
    assert strict[4][0].score == 0.0 and "counts" in strict[4][0].segmentation, "an empty mask has no score"
    for own in (mask for masks in strict.values() for mask in masks):
        assert (own.score > 0) == decode_mask({"id": 0, "segmentation": own.segmentation}, HEIGHT, WIDTH).any()
    annotations[1] = [{"id": 8, "category_id": 5, "bbox": [1, 1, 4, 4]}]
    with pytest.raises(InputError, match="annotation 8: category_id 5"):
        next(masks_in_boxes(*arguments, INFERENCE, "test"))


def test_what_needs_solov2_says_so(trained: Path, folder: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(InputError, match="not a segmentor's checkpoint"):
        load_segmentor(trained / "model.safetensors", CPU)
    with pytest.raises(SystemExit):
        files = [str(trained / "model.safetensors"), str(folder / "x.onnx")]
        main(["export-onnx", *files, "--height", "64", "--width", "64"])
    assert "mask-rcnn" in capsys.readouterr().err
    with pytest.raises(InputError, match="not a box network's checkpoint"):
        load_box_segmentor(write_segmentor(folder / "solov2.safetensors"), CPU)


# The process ends in the middle of the training, before its third step is saved.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from test_box_student import run_for_kill
from wssis.engine import trainer
trainer.SAVE_EVERY = 0.0
trainer._Training._take_snapshot = lambda self: self.step == 3 and os.kill(os.getpid(), signal.SIGKILL)
run_for_kill(Path(sys.argv[1]), "killed")
"""


def run_for_kill(folder: Path, name: str) -> None:
    """train-box-student with the resume state in `folder`/.state/`name`."""
    arguments = {"images_table": folder / "images.csv", "image_dir": folder / "images"}
    box_student.run(
        student_settings(masks_as="points"), folder / "full.json", folder / "box_points.json",
        state_root=folder / ".state" / name, out=folder / name, **arguments,
    )  # fmt: skip


@pytest.mark.slow
def test_a_killed_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points in proposals are drawn by the global generator, whose state is resumed too."""
    write_sets(tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)
    killed = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "killed" / "model.safetensors").exists()
    run_for_kill(tmp_path, "undisturbed")
    passes = []
    losses = BoxTask.losses
    monkeypatch.setattr(BoxTask, "losses", lambda *args: passes.append(None) or losses(*args))
    run_for_kill(tmp_path, "killed")
    assert read_manifest(tmp_path / "killed" / "manifest.json")["counts"]["resumed_from_step"] == 2
    assert len(passes) == 2 + 8, "two steps; eight passes settle the norms"
    model = "model.safetensors"
    assert (tmp_path / "killed" / model).read_bytes() == (tmp_path / "undisturbed" / model).read_bytes()
