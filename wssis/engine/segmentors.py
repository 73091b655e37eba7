"""Segmentors of every kind behind one seam: load a checkpoint, detect objects in a batch of images."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from wssis.config.training import InferenceSettings
from wssis.engine.box_predictor import KINDS as BOX_KINDS
from wssis.engine.box_predictor import BoxSegmentor, detect_boxes, load_box_segmentor
from wssis.engine.predictor import Segmentor, batches, load_segmentor, predict_pixels
from wssis.engine.progress import Progress
from wssis.formats.checkpoint import load_model
from wssis.formats.image_files import read_image
from wssis.formats.images_table import ImageRow
from wssis.models.solov2.inference import Detections, detect

AnySegmentor = Segmentor | BoxSegmentor


def load_any_segmentor(path: Path, device: torch.device) -> AnySegmentor:
    """Read a segmentor's checkpoint, whichever network it is of, in evaluation mode.

    Raises:
        InputError: the file is missing, is no segmentor's, or its weights do not fit the settings in it.
    """
    load = load_box_segmentor if load_model(path)[1].get("kind") in BOX_KINDS else load_segmentor
    return load(path, device)


@torch.inference_mode()
def detect_pixels(
    segmentor: AnySegmentor, rows: list[ImageRow], pictures: Sequence[NDArray[np.uint8]], settings: InferenceSettings,
    max_detections: int,
) -> list[Detections]:  # fmt: skip
    """Detections on images of equal padded size (`batches`), given as RGB uint8 (H, W, 3); best first, prompt-free."""
    if isinstance(segmentor, BoxSegmentor):
        return list(detect_boxes(segmentor, rows, pictures, settings, max_detections))
    batch = predict_pixels(segmentor, rows, pictures, settings)
    return detect(batch.outputs, batch.image_sizes, batch.original_sizes, settings, max_detections)


def detect_rows(
    segmentor: AnySegmentor, rows: Sequence[ImageRow], folder: Path, settings: InferenceSettings, max_detections: int,
    title: str,
) -> Iterator[tuple[ImageRow, Detections]]:  # fmt: skip
    """Every image and its detections, images of equal padded size together, in the order of `batches`.

    Raises:
        InputError: an image is missing or has changed.
    """
    with Progress(title, len(rows)) as progress:
        done = 0
        for part in batches(rows, settings):
            pictures = [read_image(folder, row) for row in part]
            yield from zip(part, detect_pixels(segmentor, part, pictures, settings, max_detections), strict=True)
            done += len(part)
            progress.count(done)
