"""A segmentor's prompt-free detections as COCO results."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from wssis.config.stages import EvaluateSettings
from wssis.engine.predictor import Predictor
from wssis.formats.coco import encode_mask, mask_box
from wssis.formats.images_table import ImageRow
from wssis.models.solov2.inference import Detections, detect

SCORE_DECIMALS = 6


def detect_images(
    predictor: Predictor, rows: Sequence[ImageRow], folder: Path, settings: EvaluateSettings
) -> list[dict[str, Any]]:
    """Detections of every image, as COCO results: image_id, category_id, segmentation (RLE), bbox, score.

    Ordered as `rows`, then best first; at most `settings.max_detections` per image.
    """
    found: dict[int, list[dict[str, Any]]] = {row.image_id: [] for row in rows}
    with torch.inference_mode():
        for prediction in predictor.predict(rows, folder):
            detections = detect(
                prediction.outputs,
                prediction.image_sizes,
                prediction.original_sizes,
                settings.inference,
                settings.max_detections,
            )
            for image_id, one in zip(prediction.image_ids, detections, strict=True):
                found[image_id] = coco_results(image_id, one, predictor.categories)
    return [result for results in found.values() for result in results]


def coco_results(image_id: int, detections: Detections, categories: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One image's detections as COCO results; `categories` in class-index order."""
    masks = detections.masks.cpu().numpy()
    pairs = zip(masks, detections.labels.tolist(), detections.scores.tolist(), strict=True)
    return [
        {
            "image_id": image_id,
            "category_id": categories[label]["id"],
            "segmentation": encode_mask(mask),
            "bbox": mask_box(mask),
            "score": round(score, SCORE_DECIMALS),
        }
        for mask, label, score in pairs
    ]
