"""The default study, where it differs from the models' defaults: embedded data, a CPU, minutes.

The models' own defaults are the published method's, for photographs of 800 px on a GPU. After a change here, run
`python -m wssis.config.defaults --write`.
"""

from typing import Any

SIZE = 128
BACKBONE = {"name": "timm:tf_efficientnet_lite0", "weights": "imagenet", "frozen_stages": 2}
SEGMENTOR: dict[str, Any] = {
    "network": {
        "backbone": BACKBONE,
        "fpn_channels": 64,
        "instance_channels": 64,
        "instance_convs": 2,
        "mask_channels": 64,
        "kernel_channels": 64,
        "grids": [16, 12, 8, 6, 4],
        "scale_ranges": [[1, 24], [16, 40], [32, 64], [48, 96], [80, 2048]],
    },
    "optimizer": {
        "name": "adamw",
        "lr": 3e-3,
        "backbone_lr_factor": 0.4,
        "weight_decay": 0.01,
        "batch": 16,
        "clip": 5.0,
        "ema": 0.98,
    },
    "augmentation": {"short_sides": [SIZE], "long_side": SIZE, "zoom": [0.7, 1.5], "jitter": 0.4},
}
COSINE = {"decay": "cosine", "steps": [], "gamma": 0.02, "warmup": 50}

DEFAULT_STUDY: dict[str, Any] = {
    "study": "default",
    "run": {
        "datasets": ["shapes"],
        "mixes": ["10pct"],
        "seeds": ["s0"],
        "arms": ["supervised", "supervised-short", "rough", "wssis", "oracle"],
        "variants": ["base"],
    },
    "datasets": {
        "shapes": {
            "kind": "shapes",
            "size": SIZE,
            "train_images": 300,
            "val_images": 150,
            "classes": 6,
            "objects": [2, 6],
            "object_size": [0.25, 0.55],
            "rotation": 20.0,
            "touching": 0.45,
            "contrast": [0.2, 1.0],
            "noise": [1.0, 6.0],
        }
    },
    "threads": 1,
    "inference": {"short_side": SIZE, "long_side": SIZE, "candidates": 200, "batch": 16},
    "teacher": SEGMENTOR | {"schedule": {"iterations": 500} | COSINE},
    "crops": {"size": 64},
    "refiner": {
        "network": {
            "backbone": BACKBONE | {"norm": "batch"},
            "aspp_channels": 64,
            "decoder_channels": [64, 48, 32, 16],
            "heatmap_sigma": 2.0,
            "heatmap_radius": 6,
            "point_maps": "shared",
            "neighbours": True,
            "guide": True,
        },
        "schedule": {"iterations": 700} | COSINE,
        "optimizer": {
            "name": "adamw",
            "lr": 3e-3,
            "weight_decay": 0.01,
            "batch": 16,
            "clip": 10.0,
            "ema": 0.99,
        },
        "augmentation": {
            "zoom": [0.7, 1.6],
            "shift": 0.15,
            "aspect": 0.2,
            "rotate": 15.0,
            "jitter": 0.3,
            "rough_noise": 0.5,
        },
    },
    "pseudo": {"flip": True},
    "box_student": {
        "network": {
            "backbone": BACKBONE,
            "fpn_channels": 64,
            "anchor_sizes": [12, 24, 48, 80, 128],
            "anchors": 64,
            "proposals_kept": 100,
            "rois": 32,
            "box_channels": 128,
            "mask_channels": 64,
            "mask_convs": 2,
            "parameter_channels": 128,
        },
        "schedule": {"iterations": 700} | COSINE,
        "optimizer": {
            "name": "adamw",
            "lr": 1e-3,
            "backbone_lr_factor": 0.4,
            "weight_decay": 0.01,
            "batch": 16,
            "clip": 5.0,
            "ema": 0.98,
        },
        "augmentation": SEGMENTOR["augmentation"],
    },
    "student": SEGMENTOR | {"schedule": {"iterations": 700} | COSINE},
}
