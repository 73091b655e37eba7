"""A random segmentor, a random refiner and a few images, and the study's own stages over them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wssis.cli import main
from wssis.config.mask_stages import CropsSettings, ProposalsSettings, PseudoSettings
from wssis.config.network import BackboneSettings, RefineNetSettings, SOLOv2Settings
from wssis.config.segmentor_stages import EvaluateSettings
from wssis.config.training import InferenceSettings
from wssis.engine.refining import refiner_metadata
from wssis.formats.atomic import write_json
from wssis.formats.checkpoint import save_model
from wssis.formats.coco import encode_mask
from wssis.formats.crop_store import CropLayout
from wssis.formats.images_table import ImageRow, write_images_table
from wssis.models.refinenet.network import MaskRefineNet
from wssis.models.solov2.network import SOLOv2
from wssis.stages import crops, evaluate, proposals, pseudo

NETWORK = SOLOv2Settings(
    backbone=BackboneSettings(name="resnet18", norm="batch"),
    fpn_channels=8, instance_channels=8, instance_convs=1, mask_channels=8, kernel_channels=8, grids=(8, 6, 4, 3, 2),
)  # fmt: skip
REFINER = RefineNetSettings(
    backbone=BackboneSettings(name="resnet18", norm="batch"), aspp_channels=8, decoder_channels=(8, 8, 8, 8),
    neighbours=True,
)  # fmt: skip
CATEGORIES = [{"id": 3, "name": "bar"}, {"id": 7, "name": "ring"}]
SIZES = {11: (40, 60), 12: (64, 64), 13: (50, 33), 14: (40, 60), 15: (40, 60)}
INFERENCE = InferenceSettings(short_side=48, long_side=80, batch=2, threads=1, score_threshold=0.0, update_threshold=0)
SETTINGS = EvaluateSettings(inference=INFERENCE, max_detections=7)


def write_images(folder: Path, sizes: Mapping[int, tuple[int, int]] = SIZES) -> Path:
    """images/, images.csv, val.json = full.json (one object an image) and weak.json (three points an image)."""
    rng, rows, images, full, weak = np.random.default_rng(0), [], [], [], []
    (folder / "images").mkdir(parents=True)
    for image_id, (height, width) in sizes.items():
        path = folder / "images" / f"{image_id}.png"
        Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        rows += [ImageRow(subset, image_id, path.name, width, height, sha256) for subset in ("train", "val")]
        images.append({"id": image_id, "file_name": path.name, "height": height, "width": width})
        mask = np.zeros((height, width), bool)
        mask[4:12, 2:9] = True
        full.append({"id": image_id, "image_id": image_id, "category_id": 7, "iscrowd": 0, "area": 56,
                     "segmentation": encode_mask(mask), "bbox": [2, 4, 7, 8]})  # fmt: skip
        weak += [{"id": 100 * image_id + k, "image_id": image_id, "category_id": (3, 7, 7)[k],
                  "point": [5.5 + 8 * k, 8.25 + 4 * k]} for k in range(3)]  # fmt: skip
    write_images_table(folder / "images.csv", rows)
    for name, annotations in (("val", full), ("weak", weak)):
        write_json(folder / f"{name}.json", {"images": images, "annotations": annotations, "categories": CATEGORIES})
    other = [{**images[0], "id": 99, "file_name": "99.png"}], [{**full[0], "image_id": 99}]
    write_json(folder / "full.json", {"images": other[0], "annotations": other[1], "categories": CATEGORIES})
    return folder


def write_segmentor(path: Path, categories: list[dict] = CATEGORIES) -> Path:
    """A random segmentor whose norms have seen noise and whose kernels make masks."""
    torch.manual_seed(0)
    model = SOLOv2(NETWORK, len(categories))
    torch.nn.init.normal_(model.instance_head.kernel.weight, std=1.0)
    with torch.no_grad():
        model.train()(model.batch([torch.randint(0, 255, (3, 64, 64), dtype=torch.uint8) for _ in range(2)]))
    save_model(path, model.state_dict(), {"kind": "solov2", "network": NETWORK.model_dump_json(), "step": "0",
                                          "categories": json.dumps(categories)})  # fmt: skip
    return path


def write_refiner(path: Path, categories: list[dict] = CATEGORIES, crop_size: int = 64) -> Path:
    """A random refiner."""
    torch.manual_seed(1)
    network = MaskRefineNet(REFINER, len(categories))
    layout = CropLayout(crop_size, 1, True, categories, REFINER.heatmap_sigma, REFINER.heatmap_radius)
    save_model(path, network.state_dict(), refiner_metadata(REFINER, layout))
    return path


def evaluated(study: Path) -> Path:
    """A student with the detections of the stage evaluate beside it."""
    model = write_segmentor(study / "students/one/model.safetensors")
    evaluate.run(SETTINGS, model, study / "val.json", study / "images.csv", study / "images", model.parent)
    return model


def pseudo_masks(study: Path, flip: bool) -> Path:
    """teacher/, refiner/, proposals/weak.json, crops/weak.zarr and pseudo/one.json by the study's own stages."""
    teacher = write_segmentor(study / "teacher/model.safetensors")
    refiner = write_refiner(study / "refiner/model.safetensors")
    table, images = study / "images.csv", study / "images"
    proposals.run(ProposalsSettings(inference=INFERENCE), "weak", study / "weak.json", {"teacher": teacher}, table,
                  images, study / "proposals/weak.json", study / "proposals/weak.csv")  # fmt: skip
    crops.run(CropsSettings(size=64), study / "proposals/weak.json", study / "full.json", images, table,
              study / "crops/weak.zarr")  # fmt: skip
    out = study / "pseudo/one.json"
    pseudo.run(PseudoSettings(flip=flip, threads=1), study / "full.json", study / "weak.json",
               study / "proposals/weak.json", out, study / "crops/weak.zarr", refiner)  # fmt: skip
    return out


def predict(*arguments: object) -> int:
    """Exit status of `wssis predict`."""
    with pytest.raises(SystemExit) as ended:
        main(["predict", *map(str, arguments)])
    return int(ended.value.code or 0)
