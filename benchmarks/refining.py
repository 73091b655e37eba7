"""Rows: refining masks in batches, with paste and RLE, against one crop at a time.

Two networks: the published one (ResNet-101, 256 px, 80 classes), and the default study's. Their weights are random, so
the head is set to zero and the output leans to the rough mask: the refined masks are then masks, not noise.
"""

import tempfile
from pathlib import Path
from typing import Any

import torch
import yaml
from pycocotools import mask as mask_api

from benchmarks.crop_scenes import CLASSES, CROP_SIZE, HEIGHT, WIDTH, CropScene, crop_scene
from benchmarks.measuring import Conditions, Row, Work
from benchmarks.references.refining import refined_one_by_one
from wssis.config.network import RefineNetSettings
from wssis.config.study import Study
from wssis.config.validate import validate_study
from wssis.engine.crop_data import sample_of
from wssis.engine.refining import refine
from wssis.formats.coco import encode_mask
from wssis.geometry.crops import paste
from wssis.models.refinenet.network import MaskRefineNet

CONFIG = Path(__file__).resolve().parents[1] / "config.yaml"
CROPS = {"cpu": (2, 2), "cuda": (32, 8)}
"""Device -> images, and crops of each image."""
BATCH = 32
SAME_SHARE = 0.001


def rows(conditions: Conditions) -> list[Row]:
    """Published network, then the default study's."""
    study = validate_study(yaml.safe_load(CONFIG.read_text()))
    wanted, where = 10.0 if conditions.cuda else 3.0, str(conditions.device)
    return [
        Row(
            "refining masks, published network", lambda: _published(conditions), wanted, where, check=check_nearly_same
        ),
        Row(
            "refining masks, default study", lambda: _default(study, conditions), wanted, where, check=check_nearly_same
        ),
    ]


def _published(conditions: Conditions) -> tuple[Work, Work]:
    return _sides(RefineNetSettings(), CROP_SIZE, 1, conditions.device)


def _default(study: Study, conditions: Conditions) -> tuple[Work, Work]:
    return _sides(study.refiner.network, study.crops.size, 16, conditions.device)


def _sides(settings: RefineNetSettings, size: int, factor: int, device: torch.device) -> tuple[Work, Work]:
    """`factor` times the images of the published network's row."""
    images, objects = CROPS[device.type]
    folder = tempfile.TemporaryDirectory()
    scene = crop_scene(Path(folder.name), images * factor, objects, size)
    samples = [sample_of(scene.store, i, scene.store.record(i)) for i in range(len(scene.store))]
    torch.manual_seed(1)
    leaning = settings.model_copy(update={"rough_prior": 10.0})
    network = MaskRefineNet(leaning, CLASSES).to(device).eval()
    torch.nn.init.zeros_(network.head.weight)
    # Half-way between object and background neither side may be at a tie, which each would break in its own way.
    network.head.bias.data[1] = 1.0
    windows = [crop.window for crop in scene.crops]

    def ours(_: object = folder) -> list[dict[str, Any]]:  # the store's folder lives as long as this function
        return refined_in_batches(network, scene, device)

    return ours, lambda: refined_one_by_one(network, samples, windows, HEIGHT, WIDTH)


def refined_in_batches(network: MaskRefineNet, scene: CropScene, device: torch.device) -> list[dict[str, Any]]:
    """RLE of every crop's refined mask, as the stage `pseudo` makes them."""
    found = []
    for index, probability in refine(network, scene.store, BATCH, False, device):
        found.append(encode_mask(paste(probability, scene.crops[index].window, HEIGHT, WIDTH)))
    return found


def check_nearly_same(ours: list[dict[str, Any]], reference: list[dict[str, Any]]) -> None:
    """RuntimeError where a mask differs in more than 0.1 % of the image."""
    for one, other in zip(ours, reference, strict=True):
        share = (mask_api.decode(one) != mask_api.decode(other)).mean()
        if share > SAME_SHARE:
            raise RuntimeError(f"refined masks differ in {100 * share:.2f} % of the image")
