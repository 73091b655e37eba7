"""How sure a detection must be to become a label: per class, the threshold that maximises F1 out of fold."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wssis.engine.bootstrap import ClassMatches, class_matches
from wssis.engine.coco_metrics import ONE_AREA, match
from wssis.formats.score_thresholds import ScoreThreshold


def score_thresholds(truth: Mapping[str, Any], detections: Sequence[Mapping[str, Any]]) -> list[ScoreThreshold]:
    """The best threshold of every class, in the order of category ids.

    Args:
        truth: COCO, with masks.
        detections: COCO results on images of `truth`, each by a network that was not trained on its image.
    """
    evaluator = match(truth, detections, max(1, len(detections)), "segm", ONE_AREA)
    pairs = zip(evaluator.params.catIds, class_matches(evaluator), strict=True)
    return [_best(int(category_id), matches) for category_id, matches in pairs]


def _best(category_id: int, matches: ClassMatches) -> ScoreThreshold:
    """Among equal F1 the highest threshold. Detections of one score are taken all or none."""
    objects, counted = int(matches.objects.sum()), matches.counted[0]
    score, hit = matches.score[counted], matches.hit[0][counted]
    last = np.append(score[1:] != score[:-1], True) if score.size else np.zeros(0, bool)
    right, kept = np.cumsum(hit)[last], np.flatnonzero(last) + 1
    if not right.size or not right[-1]:
        return ScoreThreshold(category_id, None, 0.0, None, 0.0, objects, len(score))
    f1 = 2 * right / (kept + objects)
    best = int(np.argmax(f1))
    return ScoreThreshold(
        category_id=category_id,
        threshold=float(score[last][best]),
        f1=round(float(f1[best]), 6),
        precision=round(float(right[best] / kept[best]), 6),
        recall=round(float(right[best] / objects), 6),
        objects=objects,
        detections=len(score),
    )
