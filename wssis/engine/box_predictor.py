"""A trained box network over images: detections, and masks in given boxes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wssis.config.maskrcnn import MaskRCNNSettings
from wssis.config.training import InferenceSettings
from wssis.engine.predictor import batches, network_size, resize_image
from wssis.engine.progress import Progress
from wssis.errors import InputError
from wssis.formats.checkpoint import load_model, reading_metadata
from wssis.formats.coco import encode_mask
from wssis.formats.image_files import read_image
from wssis.formats.images_table import ImageRow
from wssis.models.maskrcnn.network import MaskRCNN
from wssis.models.maskrcnn.paste import paste
from wssis.models.solov2.inference import Detections

KINDS = ("mask-rcnn", "implicit-pointrend")
DECIMALS = 6
NORM = "masks.norm.weight"
"""A weight of Implicit PointRend with `point_head: normalised`."""
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class BoxDetections(Detections):
    """Objects found in one image, as Detections; boxes float32 (N, 4), xyxy in px of the file, the network's own."""

    boxes: Tensor


@dataclass(frozen=True)
class BoxSegmentor:
    """A box network's checkpoint, ready to predict.

    categories: {id, name} in class-index order; metadata: of the checkpoint.
    """

    model: MaskRCNN
    categories: list[dict[str, Any]]
    metadata: dict[str, str]
    device: torch.device


@dataclass(frozen=True)
class MaskInBox:
    """The mask of one annotation's box.

    segmentation: compressed RLE, empty where no pixel is likely enough; score: the mean probability of the mask's cells
    on the network's grid, 0 for an empty mask: likely cells may miss the centres of all pixels.
    """

    segmentation: dict[str, Any]
    score: float


def load_box_segmentor(path: Path, device: torch.device) -> BoxSegmentor:
    """Read a box network's checkpoint, in evaluation mode.

    Raises:
        InputError: the file is missing, is no box network's, or its weights do not fit the settings in it.
    """
    weights, metadata = load_model(path)
    if metadata.get("kind") not in KINDS:
        raise InputError(f"{path}: not a box network's checkpoint (kind {metadata.get('kind')!r}); give one of {KINDS}")
    with reading_metadata(path):
        categories = json.loads(metadata["categories"])
        settings = MaskRCNNSettings.model_validate_json(metadata["network"])
    if NORM not in weights:
        # From before it could be normalised. Without features the two are the same function.
        settings = settings.model_copy(update={"point_head": "published"})
    model = MaskRCNN(settings, len(categories))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{path}: its weights do not fit the settings in it ({error})") from error
    model = model.eval().to(device).to(memory_format=torch.channels_last)
    return BoxSegmentor(model, categories, metadata, device)


@torch.inference_mode()
def detect_boxes(
    segmentor: BoxSegmentor, rows: Sequence[ImageRow], pictures: Sequence[Pixels], settings: InferenceSettings,
    max_detections: int,
) -> list[BoxDetections]:  # fmt: skip
    """Detections on images of equal padded size, given as RGB uint8 (H, W, 3), best first.

    `score_threshold`, `nms_iou` (of boxes) and `mask_threshold` are used; the other settings of suppression are
    SOLOv2's.
    """
    images, sizes = _network_input(segmentor, rows, pictures, settings)
    found, probabilities = segmentor.model.detect(
        images, sizes, settings.score_threshold, settings.nms_iou, max_detections
    )
    parts = probabilities.split([len(one.boxes) for one in found])
    detections = []
    for row, size, one, own in zip(rows, sizes, found, parts, strict=True):
        boxes = one.boxes / _scale(row, size, one.boxes)
        masks = paste(own, boxes, (row.height, row.width), settings.mask_threshold)
        detections.append(BoxDetections(one.scores, one.labels, masks, boxes))
    return detections


def masks_in_boxes(
    segmentor: BoxSegmentor, rows: Sequence[ImageRow], annotations: Mapping[int, Sequence[Mapping[str, Any]]],
    folder: Path, settings: InferenceSettings, title: str,
) -> Iterator[tuple[int, list[MaskInBox]]]:  # fmt: skip
    """Image id and the masks in the boxes of its annotations, in their order: pseudo masks for self-training.

    Images without annotations are passed over; the others come in batches of equal padded size.

    Args:
        annotations: image id -> annotations with bbox [x, y, w, h] in px of the file, and category_id.
        folder: of the images.
        title: of the progress shown.

    Raises:
        InputError: an image is missing or has changed, or an annotation has a category that the network does not know.
    """
    index = {one["id"]: place for place, one in enumerate(segmentor.categories)}
    wanted = [row for row in rows if annotations[row.image_id]]
    for row in wanted:
        for one in annotations[row.image_id]:
            if one["category_id"] not in index:
                raise InputError(
                    f"annotation {one['id']}: category_id {one['category_id']} is not among the network's"
                    f" {sorted(index)}; take a checkpoint of this data set"
                )
    with Progress(title, len(wanted)) as progress:
        done = 0
        for part in batches(wanted, settings):
            own = [annotations[row.image_id] for row in part]
            pictures = [read_image(folder, row) for row in part]
            found = _masks_in_boxes(segmentor, part, pictures, own, index, settings)
            yield from zip((row.image_id for row in part), found, strict=True)
            done += len(part)
            progress.count(done)


@torch.inference_mode()
def _masks_in_boxes(
    segmentor: BoxSegmentor, rows: Sequence[ImageRow], pictures: Sequence[Pixels],
    annotations: Sequence[Sequence[Mapping[str, Any]]], index: Mapping[int, int], settings: InferenceSettings,
) -> list[list[MaskInBox]]:  # fmt: skip
    images, sizes = _network_input(segmentor, rows, pictures, settings)
    boxes = [_corners(own).to(segmentor.device) for own in annotations]
    scaled = [own * _scale(row, size, own) for row, size, own in zip(rows, sizes, boxes, strict=True)]
    classes = [torch.tensor([index[one["category_id"]] for one in own], device=segmentor.device) for own in annotations]
    parts = segmentor.model.masks_of(images, scaled, classes).split([len(own) for own in boxes])
    return [_encoded(*each, settings.mask_threshold) for each in zip(rows, parts, boxes, strict=True)]


def _encoded(row: ImageRow, probabilities: Tensor, boxes: Tensor, threshold: float) -> list[MaskInBox]:
    masks = paste(probabilities, boxes, (row.height, row.width), threshold).cpu().numpy()
    inside = probabilities > threshold
    scores = (probabilities * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)
    return [
        MaskInBox(encode_mask(mask), round(score, DECIMALS) if mask.any() else 0.0)
        for mask, score in zip(masks, scores.tolist(), strict=True)
    ]


def _corners(annotations: Sequence[Mapping[str, Any]]) -> Tensor:
    """xyxy float32 (N, 4) of COCO boxes."""
    boxes = torch.tensor([one["bbox"] for one in annotations], dtype=torch.float32).view(-1, 4)
    return torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)


def _network_input(
    segmentor: BoxSegmentor, rows: Sequence[ImageRow], pictures: Sequence[Pixels], settings: InferenceSettings
) -> tuple[Tensor, list[tuple[int, int]]]:
    """Resized, normalised and padded images, and their (height, width) before padding."""
    sizes = [network_size(row, settings) for row in rows]
    images = []
    for picture, size in zip(pictures, sizes, strict=True):
        pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)
        images.append(resize_image(pixels, size).to(segmentor.device, non_blocking=True))
    return segmentor.model.batch(images).contiguous(memory_format=torch.channels_last), sizes


def _scale(row: ImageRow, size: tuple[int, int], like: Tensor) -> Tensor:
    """What px of the file are multiplied by to become px of the network's input: (4,) for xyxy."""
    return like.new_tensor([size[1] / row.width, size[0] / row.height] * 2)
