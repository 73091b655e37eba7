"""A trained refiner over a crop store, in batches."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from wssis.config.network import RefineNetSettings
from wssis.engine.crop_data import CropBatch, collate, pixel_scale, sample_of
from wssis.errors import InputError
from wssis.formats.checkpoint import load_model, reading_metadata
from wssis.formats.crop_store import CropLayout, CropStore
from wssis.geometry.crop_changes import move_points
from wssis.geometry.heatmaps import NOWHERE
from wssis.models.refinenet.network import MaskRefineNet

KIND = "maskrefinenet"


@dataclass(frozen=True)
class Refiner:
    """A refiner ready to use, with the categories (in class-index order), the crop side and the kind of rough masks
    (binary, soft) it was trained on."""

    network: MaskRefineNet
    categories: list[dict[str, Any]]
    crop_size: int
    rough: str = "binary"


def refiner_metadata(network: RefineNetSettings, layout: CropLayout) -> dict[str, str]:
    """What a refiner's checkpoint says of itself, trained on a store of that layout."""
    return {
        "kind": KIND,
        "network": network.model_dump_json(),
        "categories": json.dumps(layout.categories, ensure_ascii=False),
        "crop_size": str(layout.size),
        **({"rough": "soft"} if layout.soft else {}),
    }


def load_refiner(path: Path) -> Refiner:
    """Read a checkpoint.

    Raises:
        InputError: it is missing, no refiner's, or its tensors do not fit its own settings.
    """
    state, metadata = load_model(path)
    if metadata.get("kind") != KIND:
        raise InputError(f"{path}: holds {metadata.get('kind', 'an unknown network')}, not a refiner ({KIND})")
    with reading_metadata(path):
        settings = RefineNetSettings.model_validate_json(metadata["network"])
        categories = json.loads(metadata["categories"])
        size = int(metadata["crop_size"])
    network = MaskRefineNet(settings, len(categories))
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"{path}: its tensors do not fit its settings ({error})") from error
    return Refiner(network.eval(), categories, size, metadata.get("rough", "binary"))


def check_fits(refiner: Refiner, store: CropStore, path: Path) -> None:
    """InputError where the refiner at `path` was trained on other categories or another crop side than the store's."""
    wanted = {
        "category ids": ([c["id"] for c in refiner.categories], [c["id"] for c in store.layout.categories]),
        "crop side": (refiner.crop_size, store.layout.size),
        "rough masks": (refiner.rough, "soft" if store.layout.soft else "binary"),
    }
    for name, (trained, stored) in wanted.items():
        if trained != stored:
            message = f"{path}: trained with {name} {trained}, but {store.path} has {stored}"
            raise InputError(f"{message}; run crops and train-refiner again")


@torch.inference_mode()
def refine(
    network: MaskRefineNet, store: CropStore, batch: int, flip: bool, device: torch.device, shown: bool = True
) -> Iterator[tuple[int, Tensor]]:
    """Every crop's index and probability of the object, float32 (S, S) on the CPU, in the store's order.

    Args:
        batch: crops per forward pass.
        flip: average over the crop and its mirror image.
        shown: whether to show progress (on a terminal).
    """
    network = network.to(device).eval()
    with tqdm(total=len(store), desc="refined crops", disable=None if shown else True) as progress:
        for first, last in store.shards():
            pixels = store.records(first, last)
            for start in range(first, last, batch):
                indices = range(start, min(start + batch, last))
                crops = _batch(store, indices, first, pixels).to(device)
                probability = _probability(network, crops)
                if flip:
                    probability = (probability + _probability(network, mirrored(crops, store, indices)).flip(-1)) / 2
                yield from zip(indices, probability.cpu(), strict=True)
                progress.update(len(indices))


def mirrored(crops: CropBatch, store: CropStore, indices: range) -> CropBatch:
    """The crops that the mirrored image would have given, points included."""
    size = store.layout.size
    matrix = np.array([[-1.0, 0.0, size], [0.0, 1.0, 0.0]])

    def moved(points: Tensor) -> Tensor:
        scales = [pixel_scale(store.table.window[i], size) for i in indices]
        rows = [move_points(row, matrix, scale) for row, scale in zip(points.cpu().numpy(), scales, strict=True)]
        return torch.from_numpy(np.stack(rows)).to(points.device)

    padding = crops.others <= NOWHERE / 2
    others = torch.where(padding, NOWHERE, moved(crops.others))
    points = moved(crops.points.unsqueeze(1)).squeeze(1)
    return replace(crops, images=crops.images.flip(-1), rough=crops.rough.flip(-1), points=points, others=others)


def _batch(store: CropStore, indices: range, first: int, pixels: dict[str, np.ndarray]) -> CropBatch:
    """Crops of one shard whose pixels begin with record `first`."""
    return collate([sample_of(store, i, {name: array[i - first] for name, array in pixels.items()}) for i in indices])


def _probability(network: MaskRefineNet, crops: CropBatch) -> Tensor:
    x = network.input(crops.images, crops.rough, crops.points, crops.labels, crops.others)
    return network(x).float().softmax(dim=1)[:, 1]
