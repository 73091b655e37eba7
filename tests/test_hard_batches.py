"""What real sets contain now and then goes through whole training steps, with finite losses and weights."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from segmentor_fixtures import COMMON, HEIGHT, NETWORK, WIDTH, annotation, box_mask, training_set, write_study

from wssis.config.mask_stages import CropAugmentationSettings, RefinerSettings
from wssis.config.network import BackboneSettings, RefineNetSettings
from wssis.config.segmentor_stages import StudentSettings
from wssis.config.training import AugmentationSettings, OptimizerSettings, ScheduleSettings
from wssis.engine.refiner_task import RefinerTask
from wssis.engine.segmentor_task import SegmentorTask
from wssis.engine.task import Task
from wssis.engine.trainer import train
from wssis.formats.checkpoint import load_model
from wssis.formats.crop_store import CropLayout, CropStore, CropTable, create_store, write_shard

SCHEDULE = ScheduleSettings(iterations=2, warmup=1, decay="constant", steps=())
OPTIMIZER = OptimizerSettings(batch=4, lr=0.01, threads=1)
CATEGORIES = training_set()["categories"]
SIZE = 32


def _tiled(count: int, category: int = 3) -> list[dict[str, Any]]:
    """`count` objects of 2 x 2 px on image 1, side by side."""
    across = WIDTH // 2
    corners = [(2 * (i % across), 2 * (i // across)) for i in range(count)]
    return [annotation(i, 1, category, box_mask(x, y, x + 2, y + 2)) for i, (x, y) in enumerate(corners)]


SETS = {
    "no objects": [],
    "one pixel": [
        annotation(1, 1, 3, box_mask(0, 0, 1, 1)),
        annotation(2, 2, 7, box_mask(WIDTH - 1, HEIGHT - 1, WIDTH, HEIGHT)),
        annotation(3, 3, 7, box_mask(20, 30, 21, 31)),
    ],
    "400 objects": _tiled(400),
    "one class, and the other images without objects": _tiled(12, category=7),
    "one object over everything": [annotation(1, 1, 3, box_mask(0, 0, WIDTH, HEIGHT))],
    "points only": [annotation(1, 1, 3, None, point=[5, 5]), annotation(2, 2, 7, None, point=[63.4, 47.4])],
}


def _assert_trains_through(folder: Path, task: Task, losses: set[str]) -> None:
    before = {name: weight.clone() for name, weight in task.model.state_dict().items()}
    train(task, SCHEDULE, OPTIMIZER, 0, folder / "out", folder / "state", {"kind": "test"})
    lines = [json.loads(line) for line in (folder / "out" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert all(math.isfinite(line[name]) for line in lines for name in losses)
    after = load_model(folder / "out" / "model.safetensors")[0]
    assert all(torch.isfinite(weight).all() for weight in after.values())
    assert any(not torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize(
    ("name", "positives"), [*((name, "centre") for name in SETS), ("one pixel", "mask"), ("400 objects", "mask")]
)
def test_segmentor(tmp_path: Path, name: str, positives: str) -> None:
    coco = training_set() | {"annotations": SETS[name]}
    paths = write_study(tmp_path, coco)
    ranges = ((1, 24), (12, 40), (24, 64), (48, 96), (64, 2048))
    common = COMMON | {
        "network": NETWORK.model_copy(update={"positives": positives, "scale_ranges": ranges}),
        "augmentation": AugmentationSettings(short_sides=(40, 48), long_side=64, zoom=(0.7, 1.5)),
    }
    task = SegmentorTask(StudentSettings(**common), coco, paths["images_table"], paths["image_dir"])
    _assert_trains_through(tmp_path, task, {"dice", "focal"})


def _store(path: Path, target: np.ndarray, rough: np.ndarray, others: int = 0) -> CropStore:
    """Four equal crops of class 1 around a point, with so many other points."""
    rng = np.random.default_rng(0)
    numbers = np.arange(4, dtype=np.int64)
    table = CropTable(
        point=np.full((4, 2), 16.0, np.float32),
        other_points=rng.uniform(0, SIZE, (4 * others, 2)).astype(np.float32),
        other_start=np.arange(5, dtype=np.int64) * others,
        label=np.ones(4, np.int64),
        window=np.tile(np.array([3, 4, 35, 36], np.int32), (4, 1)),
        proposal_id=numbers,
        image_id=numbers,
        point_id=numbers,
    )
    create_store(path, CropLayout(SIZE, 4, True, CATEGORIES, 6.0, 19), table)
    masks = {"rough": rough, "target": target, "heatmap": np.zeros_like(target)}
    pixels = {name: np.tile(mask, (4, 1, 1)) for name, mask in masks.items()}
    write_shard(path, 0, pixels | {"image": rng.integers(0, 256, (4, SIZE, SIZE, 3)).astype(np.uint8)})
    return CropStore(path)


EMPTY, WHOLE = np.zeros((SIZE, SIZE), np.uint8), np.ones((SIZE, SIZE), np.uint8)
PIXEL = EMPTY.copy()
PIXEL[16, 16] = 1


@pytest.mark.parametrize(
    ("target", "rough", "others"),
    [(EMPTY, EMPTY, 0), (PIXEL, PIXEL, 0), (PIXEL, WHOLE, 399), (WHOLE, EMPTY, 1)],
    ids=["nothing", "one pixel", "400 points", "everything"],
)
def test_refiner(tmp_path: Path, target: np.ndarray, rough: np.ndarray, others: int) -> None:
    network = RefineNetSettings(
        backbone=BackboneSettings(name="resnet18", norm="batch"), aspp_channels=8, decoder_channels=(8, 8, 8, 8),
        neighbours=True, guide=True,
    )  # fmt: skip
    augmentation = CropAugmentationSettings(rotate=20, aspect=0.2, rough_noise=0.5)
    settings = RefinerSettings(network=network, augmentation=augmentation, cross_entropy=1.0)
    task = RefinerTask(_store(tmp_path / "crops.zarr", target, rough, others), settings)
    _assert_trains_through(tmp_path, task, {"dice", "cross_entropy"})
