"""Rows: mask AP of 100 detections per image by fast evaluators, against pycocotools.

Both sides begin with the data set and the detections in memory and end with the precision array of four object sizes.
The arrays are compared before anything is timed; pycocotools, with the areas that `wssis` gives it, is right.
"""

import copy
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.detections import Detected, synthetic
from benchmarks.measuring import Conditions, Row, Work
from wssis.engine.coco_metrics import match

DETECTIONS = 100
TOLERANCE = 1e-12

Precision = NDArray[np.float64]


def rows(conditions: Conditions) -> list[Row]:
    """One row per fast evaluator."""
    evaluators = {"hotcoco": by_hotcoco, "faster-coco-eval": by_faster_coco_eval}
    return [
        Row(
            f"evaluation, {conditions.images} images, {name}",
            lambda evaluate=evaluate: _sides(evaluate, conditions),
            5.0,
            "cpu",
            check=check_equal,
        )
        for name, evaluate in evaluators.items()
    ]


def _sides(evaluate: Callable[[Detected], Precision], conditions: Conditions) -> tuple[Work, Work]:
    # hotcoco's threads can only be set before its first use.
    os.environ["RAYON_NUM_THREADS"] = str(conditions.threads)
    detected = synthetic(conditions.images, DETECTIONS)
    return lambda: evaluate(detected), lambda: by_pycocotools(detected)


def by_pycocotools(detected: Detected) -> Precision:
    """Precision (IoU thresholds, recalls, classes, areas, 1), as `wssis` computes it."""
    return match(detected.coco, detected.results, DETECTIONS).eval["precision"]


def by_hotcoco(detected: Detected) -> Precision:
    """The same from hotcoco."""
    from hotcoco import COCO, COCOeval

    truth = COCO(detected.coco)
    evaluator = COCOeval(truth, truth.load_res(_without_boxes(detected.results)), "segm")
    evaluator.params.max_dets = [DETECTIONS]
    evaluator.evaluate()
    evaluator.accumulate()
    return np.asarray(evaluator.eval["precision"])


def by_faster_coco_eval(detected: Detected) -> Precision:
    """The same from faster-coco-eval, which writes into what it is given."""
    from faster_coco_eval import COCO, COCOeval_faster

    truth = COCO(copy.deepcopy(detected.coco))
    results = truth.loadRes(_without_boxes(detected.results))
    evaluator = COCOeval_faster(truth, results, "segm", print_function=_say_nothing)
    evaluator.params.maxDets = [DETECTIONS]
    evaluator.evaluate()
    evaluator.accumulate()
    return evaluator.eval["precision"].reshape(evaluator.eval["counts"])


def check_equal(ours: Precision, reference: Precision) -> None:
    """RuntimeError where a precision differs by more than 1e-12."""
    worst = float(np.abs(ours - reference).max())
    if worst > TOLERANCE:
        raise RuntimeError(f"precisions differ by up to {worst:g}")


def _without_boxes(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where a result has a box, these evaluators take its area for the mask's (as pycocotools' `loadRes` does)."""
    return [{key: value for key, value in result.items() if key != "bbox"} for result in results]


def _say_nothing(*_: object) -> None:
    """Instead of printing."""
