"""The stages evaluate and predict-shown with a random segmentor on a few tiny images."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from predict_fixtures import CATEGORIES, INFERENCE, SETTINGS, write_images, write_segmentor

from wssis.config.segmentor_stages import DetectionSettings
from wssis.engine.coco_metrics import summarise
from wssis.engine.detecting import coco_results
from wssis.errors import InputError
from wssis.formats.atomic import write_json
from wssis.formats.coco import decode_mask, read_coco
from wssis.formats.manifest import read_manifest
from wssis.formats.scores import read_scores
from wssis.models.solov2.inference import Detections
from wssis.stages import evaluate, predict_shown

SIZES = {11: (40, 60), 12: (64, 64), 13: (50, 33)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images in both subsets, val.json, shown.json, and a checkpoint with random weights."""
    write_images(tmp_path, SIZES)
    images = read_coco(tmp_path / "val.json")["images"]
    write_json(tmp_path / "shown.json", {"images": images[1:], "categories": CATEGORIES})
    write_segmentor(tmp_path / "model.safetensors")
    return tmp_path


def _evaluate(folder: Path, out: str) -> Path:
    paths = (folder / "model.safetensors", folder / "val.json", folder / "images.csv", folder / "images", folder / out)
    evaluate.run(SETTINGS, *paths)
    return folder / out


def test_detections_are_coco_results_and_give_the_scores(folder: Path) -> None:
    out = _evaluate(folder, "teacher")
    detections, coco = json.loads((out / "detections.json").read_text()), read_coco(folder / "val.json")
    assert detections
    for image_id, size in SIZES.items():
        own = [one for one in detections if one["image_id"] == image_id]
        assert len(own) <= 7
        assert [one["score"] for one in own] == sorted((one["score"] for one in own), reverse=True)
        for one in own:
            mask = decode_mask(one, *size)
            assert mask.any() and one["category_id"] in (3, 7)
            assert one["bbox"][2:] == [np.ptp(np.flatnonzero(mask.any(axis))) + 1 for axis in (0, 1)]
    scores = read_scores(out / "scores.json")
    assert scores == summarise(coco, detections, 7)
    assert scores["max_detections"] == 7 and scores["AP_large"] is None
    manifest = read_manifest(out / "evaluate.manifest.json")
    assert set(manifest["outputs"]) == {"detections.json", "scores.json"}
    assert manifest["counts"]["objects"] == 3


def test_evaluation_is_repeatable(folder: Path) -> None:
    outputs = [read_manifest(_evaluate(folder, name) / "evaluate.manifest.json")["outputs"] for name in ("a", "b")]
    assert outputs[0] == outputs[1]


def test_other_categories_are_refused(folder: Path) -> None:
    write_segmentor(folder / "model.safetensors", [{"id": 1, "name": "bar"}, {"id": 2, "name": "ring"}])
    with pytest.raises(InputError, match=r"val\.json.*\[3, 7\].*\[1, 2\]"):
        _evaluate(folder, "teacher")


def test_only_the_shown_images_are_predicted(folder: Path) -> None:
    out = folder / "quality" / "wssis.predictions.json"
    paths = [folder / name for name in ("model.safetensors", "shown.json", "images.csv", "images")]
    predict_shown.run(DetectionSettings(inference=INFERENCE, max_detections=7), *paths, out)
    assert {one["image_id"] for one in json.loads(out.read_text())} <= {12, 13}
    manifest = read_manifest(out.with_name("wssis.predictions.json.manifest.json"))
    assert manifest["counts"]["images"] == 2


def test_class_index_becomes_the_category_id() -> None:
    masks = torch.zeros(2, 6, 9, dtype=torch.bool)
    masks[0, 1:3, 2:6] = True
    masks[1, 5, 8] = True
    results = coco_results(4, Detections(torch.tensor([0.9, 0.25]), torch.tensor([1, 0]), masks), CATEGORIES)
    assert [one["category_id"] for one in results] == [7, 3]
    assert [one["bbox"] for one in results] == [[2, 1, 4, 2], [8, 5, 1, 1]]
    assert [one["score"] for one in results] == [0.9, 0.25]
