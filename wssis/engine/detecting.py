"""A segmentor's prompt-free detections as COCO results."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from wssis.config.segmentor_stages import DetectionSettings
from wssis.engine.box_predictor import BoxDetections
from wssis.engine.distributed import this_world
from wssis.engine.predictor import check_categories
from wssis.engine.reproducible import reproducible
from wssis.engine.segmentors import detect_rows, load_any_segmentor
from wssis.formats.coco import encode_mask, mask_box
from wssis.formats.image_files import image_row
from wssis.formats.images_table import read_images_table
from wssis.models.solov2.inference import Detections

SCORE_DECIMALS = 6
BOX_DECIMALS = 3


def detect_images(
    checkpoint: Path,
    coco: Mapping[str, Any],
    annotations: Path,
    images_table: Path,
    subset: str,
    image_dir: Path,
    settings: DetectionSettings,
) -> list[dict[str, Any]]:
    """Detections on a data set's images, as COCO results: image_id, category_id, segmentation (RLE), bbox, score.

    In the order of the images, then best first. Arguments and errors are those of `detections_by_image`.
    """
    found: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in coco["images"]}
    found |= detections_by_image(checkpoint, coco, annotations, images_table, subset, image_dir, settings)
    return [result for results in found.values() for result in results]


def detections_by_image(
    checkpoint: Path,
    coco: Mapping[str, Any],
    annotations: Path,
    images_table: Path,
    subset: str,
    image_dir: Path,
    settings: DetectionSettings,
) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Image id and its detections as COCO results, best first; images of equal padded size together.

    Args:
        checkpoint: of a segmentor of any kind.
        coco: images to predict, and categories, which must be the checkpoint's; `annotations` is where they come from.
        images_table: images.csv, with the images in `subset`, train or val.
        image_dir: folder of the images.
        settings: inference, and the limit of detections per image.

    Raises:
        InputError: the checkpoint is no segmentor's or has other categories; an image is missing or has changed.
    """
    table = read_images_table(images_table, subset)
    rows = [image_row(table, image["id"], images_table) for image in coco["images"]]
    device = this_world().device
    with reproducible(device, settings.inference.threads):
        segmentor = load_any_segmentor(checkpoint, device)
        check_categories(segmentor, coco["categories"], checkpoint, annotations)
        inference, most = settings.inference, settings.max_detections
        for row, found in detect_rows(segmentor, rows, image_dir, inference, most, f"detect, {subset}"):
            yield row.image_id, coco_results(row.image_id, found, segmentor.categories)


def coco_results(image_id: int, detections: Detections, categories: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One image's detections as COCO results; `categories` in class-index order.

    The bbox is the mask's, or the network's own where it predicts boxes.
    """
    masks = detections.masks.cpu().numpy()
    boxes = _own_boxes(detections) if isinstance(detections, BoxDetections) else [mask_box(mask) for mask in masks]
    rows = zip(masks, boxes, detections.labels.tolist(), detections.scores.tolist(), strict=True)
    return [
        {
            "image_id": image_id,
            "category_id": categories[label]["id"],
            "segmentation": encode_mask(mask),
            "bbox": box,
            "score": round(score, SCORE_DECIMALS),
        }
        for mask, box, label, score in rows
    ]


def _own_boxes(detections: BoxDetections) -> list[list[float]]:
    """COCO boxes [x, y, w, h] of a box network's detections."""
    corners = detections.boxes.double().cpu()
    sides = [corners[:, :2], corners[:, 2:] - corners[:, :2]]
    return [[round(value, BOX_DECIMALS) for value in box] for box in torch.cat(sides, 1).tolist()]
