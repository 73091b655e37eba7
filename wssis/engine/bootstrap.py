"""AP of resampled validation images, without matching or sorting again.

Shapes: B resamples, I images, D detections of a class, T IoU thresholds, H hits. A resample is how often each image
is drawn, so it only weighs what one pass of pycocotools found. An image drawn twice counts twice; with all weights 1
the AP is COCOeval's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools.cocoeval import COCOeval

BLOCK = 20_000_000
"""Resamples x detections held in memory at once."""


@dataclass(frozen=True)
class ClassMatches:
    """Detections of one class over all images, best score first, and the truth they were matched with.

    Attributes:
        image: position of each detection's image, int64 (D,).
        hit: matched a true object at threshold t, bool (T, D).
        counted: hit or false alarm; False on crowd and the like, bool (T, D).
        objects: true objects per image, int64 (I,).
        score: of each detection, falling, float64 (D,).
    """

    image: NDArray[np.int64]
    hit: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    objects: NDArray[np.int64]
    score: NDArray[np.float64]


def class_matches(evaluator: COCOeval) -> list[ClassMatches]:
    """Per-class matches of an evaluator's first area (`all`), in the order of its categories."""
    params = evaluator.params
    images, areas = len(params.imgIds), len(params.areaRng)
    starts = [number * areas * images for number in range(len(params.catIds))]
    return [_class_matches(evaluator.evalImgs[start : start + images], len(params.iouThrs)) for start in starts]


def _class_matches(per_image: Sequence[dict | None], thresholds: int) -> ClassMatches:
    """Join one class's images in pycocotools' order: by score, ties as the images come."""
    found = [(place, entry) for place, entry in enumerate(per_image) if entry is not None]
    objects = np.zeros(len(per_image), np.int64)
    for place, entry in found:
        objects[place] = np.count_nonzero(entry["gtIgnore"] == 0)
    image = np.repeat([place for place, _ in found], [len(entry["dtScores"]) for _, entry in found]).astype(np.int64)
    if not image.size:
        none = np.zeros((thresholds, 0), bool)
        return ClassMatches(image, none, none, objects, np.zeros(0))
    score = np.concatenate([entry["dtScores"] for _, entry in found])
    order = np.argsort(-score, kind="mergesort")
    matched = np.concatenate([entry["dtMatches"] for _, entry in found], axis=1)[:, order] > 0
    counted = ~np.concatenate([entry["dtIgnore"] for _, entry in found], axis=1)[:, order].astype(bool)
    return ClassMatches(image[order], matched & counted, counted, objects, score[order])


def draw_weights(images: int, resamples: int, seed: int) -> NDArray[np.int32]:
    """How often each image is drawn, int32 (B, I), rows summing to I; the same for every model that is compared."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(images, np.full(images, 1 / images), size=resamples).astype(np.int32)


def resampled_ap(
    classes: Sequence[ClassMatches], weights: NDArray[np.int32], recalls: NDArray[np.float64]
) -> NDArray[np.float64]:
    """AP, 0-100, of every resample, float (B,); NaN where no class has truth among the drawn images.

    Args:
        classes: matches of one model.
        weights: draws per image, int32 (B, I).
        recalls: recall thresholds of the average, ascending (COCO: 0, .01, ... 1).
    """
    per_class = np.stack([_class_ap(matches, weights, recalls) for matches in classes])
    defined = ~np.isnan(per_class)
    number = defined.sum(axis=0)
    total = np.where(defined, per_class, 0.0).sum(axis=0)
    return np.where(number > 0, 100 * total / np.maximum(number, 1), np.nan)


def _class_ap(matches: ClassMatches, weights: NDArray[np.int32], recalls: NDArray[np.float64]) -> NDArray[np.float64]:
    """One class's AP, 0-1, per resample; in blocks, to bound memory."""
    rows = max(1, BLOCK // max(1, matches.image.size))
    blocks = [_block_ap(matches, weights[start : start + rows], recalls) for start in range(0, len(weights), rows)]
    return np.concatenate(blocks)


def _block_ap(matches: ClassMatches, weights: NDArray[np.int32], recalls: NDArray[np.float64]) -> NDArray[np.float64]:
    objects = weights @ matches.objects
    drawn = weights[:, matches.image]
    total = np.zeros(len(weights))
    seen = counted = None
    for hit, now_counted in zip(matches.hit, matches.counted, strict=True):
        if counted is None or not np.array_equal(counted, now_counted):
            counted = now_counted
            seen = np.cumsum(drawn * counted, axis=1)
        total += _threshold_ap(np.cumsum(drawn[:, hit], axis=1), seen[:, hit], objects, recalls)
    return np.where(objects > 0, total / len(matches.hit), np.nan)


def _threshold_ap(
    hits: NDArray[np.integer],
    seen: NDArray[np.integer],
    objects: NDArray[np.integer],
    recalls: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Interpolated AP at one IoU threshold, from running sums at the hits only: recall changes nowhere else.

    Args:
        hits: weighted hits up to and with each hit (B, H).
        seen: weighted detections, hits and false alarms, up to and with each hit (B, H).
        objects: weighted true objects (B,).
        recalls: recall thresholds.
    """
    precision = hits / (seen + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = hits / np.maximum(objects, 1)[:, None]
    reached = np.searchsorted(recalls, recall, side="right")
    return (envelope * np.diff(reached, axis=1, prepend=0)).sum(axis=1) / len(recalls)
