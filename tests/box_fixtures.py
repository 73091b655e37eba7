"""Small images with box_points.json, and the settings of box networks that train in seconds."""

from typing import Any

import numpy as np
from segmentor_fixtures import HEIGHT, WIDTH, box_mask

from wssis.config.maskrcnn import BoxStudentSettings, BoxSupervision, MaskRCNNSettings
from wssis.config.network import BackboneSettings
from wssis.config.training import AugmentationSettings, OptimizerSettings, ScheduleSettings
from wssis.geometry.box_points import labels_at, uniform_in_box

NETWORK = MaskRCNNSettings(
    backbone=BackboneSettings(name="resnet18", norm="batch"),
    fpn_channels=16, anchor_sizes=(8, 12, 16, 24, 32), anchors=32, proposals_kept=50, rois=32, box_channels=32,
    mask_channels=16, mask_convs=1, parameter_channels=32, point_channels=8,
)  # fmt: skip
COMMON: dict[str, Any] = {
    "schedule": ScheduleSettings(iterations=4, warmup=1, decay="constant", steps=()),
    "optimizer": OptimizerSettings(batch=2, lr=0.002, ema=0.9, threads=1, clip=1.0),
    "augmentation": AugmentationSettings(short_sides=(48,), long_side=64, zoom=(0.7, 1.5), jitter=0.3, hue=0.1),
}


def student_settings(kind: str = "mask-rcnn", masks_as: str = "grid", **more: Any) -> BoxStudentSettings:
    """A box network that trains four steps."""
    network = NETWORK.model_copy(update={"kind": kind})
    return BoxStudentSettings(**COMMON | more, network=network, supervision=BoxSupervision(masks_as=masks_as))


def pointed(number: int, image: int, category: int, box: list[float], mask: np.ndarray, points: int) -> dict[str, Any]:
    """An annotation of box_points.json with points drawn in its box, labelled by a mask."""
    drawn = uniform_in_box(box, points, np.random.default_rng(number))
    return {
        "id": number, "image_id": image, "category_id": category, "bbox": box,
        "point_coords": drawn.tolist(), "point_labels": labels_at(mask, drawn).tolist(),
    }  # fmt: skip


def box_points_set() -> dict[str, Any]:
    """Image 3: two objects of ten and of three points; image 4: a box alone, and a box of one pixel at the border."""
    alone = {"id": 23, "image_id": 4, "category_id": 7, "bbox": [30, 10, 20, 20]}
    return {
        "images": [{"id": i, "file_name": f"{i}.png", "width": WIDTH, "height": HEIGHT} for i in (3, 4)],
        "annotations": [
            pointed(21, 3, 7, [4, 4, 20, 16], box_mask(4, 4, 24, 12), 10),
            pointed(22, 3, 3, [30, 20, 30.5, 24], box_mask(40, 20, 60, 44), 3),
            alone | {"point_coords": [], "point_labels": []},
            pointed(24, 4, 3, [63, 47, 1, 1], box_mask(63, 47, 64, 48), 4),
        ],
        "categories": [{"id": 7, "name": "late"}, {"id": 3, "name": "early"}],
    }
