"""The stages evaluate and predict-shown with a random segmentor on a few tiny images."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wssis.config.network import BackboneSettings, SOLOv2Settings
from wssis.config.stages import EvaluateSettings
from wssis.config.training import InferenceSettings
from wssis.engine.coco_metrics import summarise
from wssis.engine.detecting import coco_results
from wssis.errors import InputError
from wssis.formats.atomic import write_json
from wssis.formats.checkpoint import save_model
from wssis.formats.coco import decode_mask, encode_mask, read_coco
from wssis.formats.images_table import ImageRow, write_images_table
from wssis.formats.manifest import read_manifest
from wssis.formats.scores import read_scores
from wssis.models.solov2.inference import Detections
from wssis.models.solov2.network import SOLOv2
from wssis.stages import evaluate, predict_shown

NETWORK = SOLOv2Settings(
    backbone=BackboneSettings(name="resnet18", norm="batch"),
    fpn_channels=8, instance_channels=8, instance_convs=1, mask_channels=8, kernel_channels=8, grids=(8, 6, 4, 3, 2),
)  # fmt: skip
CATEGORIES = [{"id": 3, "name": "bar"}, {"id": 7, "name": "ring"}]
SIZES = {11: (40, 60), 12: (64, 64), 13: (50, 33)}
INFERENCE = InferenceSettings(short_side=48, long_side=80, batch=2, threads=1, score_threshold=0.0, update_threshold=0)
SETTINGS = EvaluateSettings(inference=INFERENCE, max_detections=7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images in both subsets, val.json, shown.json, and a checkpoint with random weights."""
    rng, rows, images, annotations = np.random.default_rng(0), [], [], []
    for image_id, (height, width) in SIZES.items():
        path = tmp_path / f"{image_id}.png"
        Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        rows += [ImageRow(subset, image_id, path.name, width, height, sha256) for subset in ("train", "val")]
        images.append({"id": image_id, "file_name": path.name, "height": height, "width": width})
        mask = np.zeros((height, width), bool)
        mask[4:12, 2:9] = True
        annotations.append({"id": image_id, "image_id": image_id, "category_id": 7, "iscrowd": 0, "area": 56,
                            "segmentation": encode_mask(mask), "bbox": [2, 4, 7, 8]})  # fmt: skip
    write_images_table(tmp_path / "images.csv", rows)
    write_json(tmp_path / "val.json", {"images": images, "annotations": annotations, "categories": CATEGORIES})
    write_json(tmp_path / "shown.json", {"images": images[1:], "categories": CATEGORIES})
    torch.manual_seed(0)
    _save(tmp_path / "model.safetensors", CATEGORIES)
    return tmp_path


def _save(path: Path, categories: list[dict]) -> None:
    model = SOLOv2(NETWORK, len(categories))
    with torch.no_grad():
        model.train()(model.batch([torch.randint(0, 255, (3, 64, 64), dtype=torch.uint8) for _ in range(2)]))
    network = NETWORK.model_dump_json()
    save_model(path, model.state_dict(), {"kind": "solov2", "network": network, "categories": json.dumps(categories),
                                          "step": "0"})  # fmt: skip


def _evaluate(folder: Path, out: str) -> Path:
    paths = (folder / "model.safetensors", folder / "val.json", folder / "images.csv", folder, folder / out)
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
    _save(folder / "model.safetensors", [{"id": 1, "name": "bar"}, {"id": 2, "name": "ring"}])
    with pytest.raises(InputError, match=r"val\.json.*\[3, 7\].*\[1, 2\]"):
        _evaluate(folder, "teacher")


def test_only_the_shown_images_are_predicted(folder: Path) -> None:
    out = folder / "quality" / "wssis.predictions.json"
    predict_shown.run(SETTINGS, folder / "model.safetensors", folder / "shown.json", folder / "images.csv", folder, out)
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
