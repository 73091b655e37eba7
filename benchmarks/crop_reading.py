"""Rows: training samples of the refiner read from the store, against decoding the image and RLE and building 81 maps.

Both sides end with a batch of 16 as the loader hands it on, in shuffled order. Ours is the stored bytes, from which the
device builds the maps; the last row has ours build them too, on the device, so that both end with the same tensor.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.crop_scenes import CLASSES, CROP_SIZE, crop_scene
from benchmarks.measuring import Conditions, Row, Work
from benchmarks.references.crop_tensors import float_batch
from wssis.config.network import RefineNetSettings
from wssis.engine.crop_data import CropBatch, CropDataset, collate
from wssis.models.backbones import IMAGENET_MEAN, IMAGENET_STD
from wssis.models.refinenet.inputs import refiner_input

IMAGES, OBJECTS, BATCH = 20, 7, 16
MEMORY, DISK = 1024, 0


def rows(conditions: Conditions) -> list[Row]:
    """From memory (a store that fits the cache), from disk, and with the network's input built."""
    where = str(conditions.device)
    return [
        Row("reading samples, store in memory", lambda: _sides(MEMORY), 10.0, "cpu"),
        Row("reading samples, store on disk", lambda: _sides(DISK), 10.0, "cpu"),
        Row("reading samples and building inputs", lambda: _built(conditions.device), None, where),
    ]


def _sides(cache_megabytes: int) -> tuple[Work, Work]:
    folder = tempfile.TemporaryDirectory()  # lives as long as the functions that hold it
    scene = crop_scene(Path(folder.name), IMAGES, OBJECTS, cache_megabytes=cache_megabytes)
    dataset = CropDataset(scene.store, None)
    order = np.random.default_rng(6).permutation(len(dataset))[:BATCH].tolist()

    def ours() -> CropBatch:
        return collate([dataset[index, 0] for index in order])

    def reference() -> tuple[torch.Tensor, torch.Tensor]:
        crops = [scene.crops[index] for index in order]
        paths = [Path(folder.name) / scene.rows[crop.image_id].file_name for crop in crops]
        return float_batch(crops, paths, CLASSES, CROP_SIZE)

    return ours, reference


def _built(device: torch.device) -> tuple[Work, Work]:
    read, build = _sides(MEMORY)

    def ours() -> torch.Tensor:
        return network_input(read().to(device))

    def reference() -> torch.Tensor:
        return build()[0].to(device)

    return ours, reference


def network_input(batch: CropBatch) -> torch.Tensor:
    """Input of the published network, float32 (B, 3 + 80 + 1, S, S)."""
    mean, std = (
        torch.tensor(values, device=batch.images.device).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD)
    )
    return refiner_input(
        batch.images, batch.rough, batch.points, batch.labels, batch.others, CLASSES, RefineNetSettings(),
        lambda images: (images - mean) / std,
    )  # fmt: skip
