"""Four small images with hand-made annotations, and the settings of a segmentor that trains in seconds."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wssis.config.network import BackboneSettings, SOLOv2Settings
from wssis.config.training import AugmentationSettings, OptimizerSettings, ScheduleSettings
from wssis.formats.coco import encode_mask, write_coco
from wssis.formats.images_table import ImageRow, write_images_table

HEIGHT, WIDTH = 48, 64
NETWORK = SOLOv2Settings(
    backbone=BackboneSettings(name="resnet18", norm="batch"),
    fpn_channels=32, instance_channels=32, instance_convs=1, mask_channels=32, kernel_channels=8, grids=(8, 6, 4, 3, 2),
)  # fmt: skip
COMMON: dict[str, Any] = {
    "network": NETWORK,
    "schedule": ScheduleSettings(iterations=4, warmup=1, decay="constant", steps=()),
    "optimizer": OptimizerSettings(batch=2, lr=0.01, ema=0.9, threads=1),
    "augmentation": AugmentationSettings(short_sides=(48,), long_side=64, zoom=(0.7, 1.5), jitter=0.3, hue=0.1),
}


def box_mask(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """A filled rectangle, exclusive right and bottom."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


def annotation(number: int, image: int, category: int, mask: np.ndarray | None, **more: object) -> dict[str, Any]:
    """A COCO annotation; without a mask it needs `point`."""
    segmentation = None if mask is None else encode_mask(mask)
    return {"id": number, "image_id": image, "category_id": category, "segmentation": segmentation, "iscrowd": 0} | more


def training_set() -> dict[str, Any]:
    """Image 1: two objects, one weighed; 2: one with a point only and a crowd; 3: none; 4: one at the border."""
    return {
        "images": [{"id": i, "file_name": f"{i}.png", "width": WIDTH, "height": HEIGHT} for i in (1, 2, 3, 4)],
        "categories": [{"id": 7, "name": "late"}, {"id": 3, "name": "early"}],
        "annotations": [
            annotation(11, 1, 7, box_mask(4, 4, 24, 20), weight=0.5),
            annotation(12, 1, 3, box_mask(30, 20, 60, 44)),
            annotation(13, 2, 3, None, point=[40, 10]),
            annotation(14, 2, 3, box_mask(0, 30, 20, 48), iscrowd=1),
            annotation(15, 4, 7, box_mask(50, 0, 64, 48), point=[57.0, 20.0]),
        ],
    }


def write_study(folder: Path, coco: dict[str, Any] | None = None) -> dict[str, Path]:
    """Write images, images.csv and full.json; the arguments that every training stage takes."""
    rows = []
    coco = training_set() if coco is None else coco
    for image in coco["images"]:
        pixels = np.random.default_rng(image["id"]).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        path = folder / "images" / image["file_name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows += [ImageRow(part, image["id"], image["file_name"], WIDTH, HEIGHT, digest) for part in ("train", "val")]
    write_images_table(folder / "images.csv", rows)
    write_coco(folder / "full.json", coco)
    return {"images_table": folder / "images.csv", "image_dir": folder / "images", "state_root": folder / ".state"}
