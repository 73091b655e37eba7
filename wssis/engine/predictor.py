"""A trained segmentor over many images: dense outputs, batch by batch. For proposals and evaluation."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wssis.config.network import SOLOv2Settings
from wssis.config.training import InferenceSettings
from wssis.engine.placement import scaled_size
from wssis.engine.progress import Progress
from wssis.errors import InputError
from wssis.formats.checkpoint import load_model, reading_metadata
from wssis.formats.image_files import read_image
from wssis.formats.images_table import ImageRow
from wssis.models.solov2.network import DenseOutputs, SOLOv2, padded_size

KIND = "solov2"


@dataclass(frozen=True)
class Segmentor:
    """A segmentor's checkpoint, ready to predict.

    categories: {id, name} in class-index order; metadata: of the checkpoint.
    """

    model: SOLOv2
    categories: list[dict[str, Any]]
    metadata: dict[str, str]
    device: torch.device

    @property
    def imported(self) -> bool:
        """Whether the checkpoint was given instead of trained here: then its snapshots are mere copies."""
        return "imported" in self.metadata


@dataclass(frozen=True)
class PredictedBatch:
    """Dense outputs of B images of equal padded size, on the segmentor's device.

    image_sizes: (height, width) of each network input before padding; original_sizes: of the files; mirrored: outputs
    on the images mirrored left to right, None unless asked for.
    """

    rows: list[ImageRow]
    outputs: DenseOutputs
    image_sizes: list[tuple[int, int]]
    mirrored: DenseOutputs | None = None

    @property
    def original_sizes(self) -> list[tuple[int, int]]:
        """(height, width) of each file."""
        return [(row.height, row.width) for row in self.rows]

    @property
    def padded_size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return self.outputs.padded_size


def load_segmentor(path: Path, device: torch.device) -> Segmentor:
    """Read a segmentor's checkpoint, in evaluation mode.

    Raises:
        InputError: the file is missing, is not a segmentor's, or its weights do not fit the settings in it.
    """
    weights, metadata = load_model(path)
    if metadata.get("kind") != KIND:
        raise InputError(f"{path}: not a segmentor's checkpoint (kind {metadata.get('kind')!r})")
    with reading_metadata(path):
        categories = json.loads(metadata["categories"])
        settings = SOLOv2Settings.model_validate_json(metadata["network"])
    model = SOLOv2(settings, len(categories))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{path}: its weights do not fit the settings in it ({error})") from error
    model = model.eval().to(device).to(memory_format=torch.channels_last)
    return Segmentor(model, categories, metadata, device)


def check_categories(
    segmentor: Segmentor, categories: Sequence[Mapping[str, Any]], checkpoint: Path, annotations: Path
) -> None:
    """Refuse annotations of other categories than the checkpoint's.

    Raises:
        InputError: names both files and both lists of category ids.
    """
    own, given = [one["id"] for one in segmentor.categories], sorted(one["id"] for one in categories)
    if own != given:
        raise InputError(f"{annotations}: category ids {given} are not those of {checkpoint}: {own}")


def refuse_imported_snapshot(segmentor: Segmentor, name: str, checkpoint: Path) -> None:
    """Refuse snapshots of an imported teacher: they are copies of it, and its training images are unknown.

    Raises:
        InputError: `name`, the predictor's, is snapshot1 or snapshot2 and the teacher was imported.
    """
    if name.startswith("snapshot") and segmentor.imported:
        raise InputError(
            f"{checkpoint}: {name} is a copy of an imported teacher, not an early snapshot; "
            "set refiner.pairs to crossfit where teacher.checkpoint is given"
        )


def network_size(row: ImageRow, settings: InferenceSettings) -> tuple[int, int]:
    """(height, width) at which an image enters the network, before padding."""
    return scaled_size(row.height, row.width, settings.short_side, settings.long_side)


def resize_image(image: Tensor, size: tuple[int, int]) -> Tensor:
    """RGB uint8 (3, H, W) -> uint8 (3, *size), bilinear and antialiased."""
    if tuple(image.shape[-2:]) == size:
        return image
    return F.interpolate(image[None], size, mode="bilinear", antialias=True, align_corners=False)[0]


def batches(rows: Sequence[ImageRow], settings: InferenceSettings) -> Iterator[list[ImageRow]]:
    """The images in batches of equal padded size: ordered by padded size, then as given."""

    def padded(row: ImageRow) -> tuple[int, int]:
        return padded_size([network_size(row, settings)])

    for _, group in groupby(sorted(rows, key=padded), key=padded):
        same = list(group)
        for first in range(0, len(same), settings.batch):
            yield same[first : first + settings.batch]


def predict(
    segmentor: Segmentor, rows: Sequence[ImageRow], folder: Path, settings: InferenceSettings, title: str,
    flip: bool = False,
) -> Iterator[PredictedBatch]:  # fmt: skip
    """Dense outputs of every image, those of equal padded size together, in the order of `batches`.

    Args:
        title: of the progress shown.
        flip: predict the mirrored images, too.
    """
    with Progress(title, len(rows)) as progress:
        done = 0
        for part in batches(rows, settings):
            yield predict_batch(segmentor, part, folder, settings, flip)
            done += len(part)
            progress.count(done)


def predict_batch(
    segmentor: Segmentor, rows: list[ImageRow], folder: Path, settings: InferenceSettings, flip: bool = False
) -> PredictedBatch:
    """Dense outputs of images of equal padded size; with `flip` of their mirror images, too."""
    return predict_pixels(segmentor, rows, [read_image(folder, row) for row in rows], settings, flip)


@torch.inference_mode()
def predict_pixels(
    segmentor: Segmentor, rows: list[ImageRow], pictures: Sequence[np.ndarray], settings: InferenceSettings,
    flip: bool = False,
) -> PredictedBatch:  # fmt: skip
    """As `predict_batch`, of images that are in memory, RGB uint8 (H, W, 3)."""
    sizes = [network_size(row, settings) for row in rows]
    images = []
    for picture, size in zip(pictures, sizes, strict=True):
        pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)
        images.append(resize_image(pixels, size).to(segmentor.device, non_blocking=True))
    mirrored = _outputs(segmentor, [image.flip(-1) for image in images]) if flip else None
    return PredictedBatch(rows, _outputs(segmentor, images), sizes, mirrored)


def _outputs(segmentor: Segmentor, images: list[Tensor]) -> DenseOutputs:
    return segmentor.model(segmentor.model.batch(images).contiguous(memory_format=torch.channels_last))
