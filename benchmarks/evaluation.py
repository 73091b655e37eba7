"""Row: mask AP of 100 detections per image by hotcoco, against pycocotools.

Both sides begin with the data set and the detections in memory and end with the precision array of four object sizes.
The arrays are compared before anything is timed; pycocotools, with the areas that `wssis` gives it, is right.
"""

import os

import numpy as np
from numpy.typing import NDArray

from benchmarks.detections import synthetic
from benchmarks.measuring import Conditions, Row, Work
from wssis.engine.coco_metrics import fast_match, match

DETECTIONS = 100
TOLERANCE = 1e-12

Precision = NDArray[np.float64]


def rows(conditions: Conditions) -> list[Row]:
    """The one row."""
    name = f"evaluation, {conditions.images} images, hotcoco"
    return [Row(name, lambda: _sides(conditions), 5.0, "cpu", check=check_equal)]


def _sides(conditions: Conditions) -> tuple[Work, Work]:
    # hotcoco's threads can only be set before its first use.
    os.environ["RAYON_NUM_THREADS"] = str(conditions.threads)
    detected = synthetic(conditions.images, DETECTIONS)
    return tuple(
        lambda matched=matched: np.asarray(matched(detected.coco, detected.results, DETECTIONS).eval["precision"])
        for matched in (fast_match, match)
    )


def check_equal(ours: Precision, reference: Precision) -> None:
    """RuntimeError where a precision differs by more than 1e-12."""
    worst = float(np.abs(ours - reference).max())
    if worst > TOLERANCE:
        raise RuntimeError(f"precisions differ by up to {worst:g}")
