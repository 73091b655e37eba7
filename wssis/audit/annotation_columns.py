"""The numbers of many annotations, in columns: all that an audit keeps of them.

Legend: A annotations.
"""

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wssis.audit.mask_facts import fingerprint

NONE = -1
NO_SIZE = (NONE, NONE)
ORIGIN = (0.0, 0.0)
WHOLE = ("id", "image_id", "category_id", "point_id", "height", "width", "crowd", "masked", "pseudo", "mask")
REAL = ("x", "y", "score")


class AnnotationColumns:
    """Columns that grow by blocks of annotations.

    Of every annotation: id, image_id, category_id; point_id or NONE; height and width of its RLE or NONE; crowd:
    iscrowd; masked: it has a segmentation; pseudo: its source is "pseudo"; mask: fingerprint of the segmentation. x, y:
    its point, px of the image, 0 where there is none; score: NaN where there is none.
    """

    def __init__(self) -> None:
        self._columns = {name: array("q") for name in WHOLE} | {name: array("d") for name in REAL}

    def extend(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Add annotations: all of them, or none at all if one of them is no annotation.

        Raises:
            KeyError, TypeError, ValueError, OverflowError: a number is missing, is none, or does not fit into 64 bits.
        """
        block = {name: array(self._columns[name].typecode, column) for name, column in _columns_of(items).items()}
        for name, column in block.items():
            self._columns[name].extend(column)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A column (A,): int64, or float64 for x, y and score."""
        column = self._columns[name]
        return np.array(column, np.int64 if column.typecode == "q" else np.float64)


def _columns_of(items: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    masks = [item.get("segmentation") for item in items]
    sizes = [mask["size"] if type(mask) is dict else NO_SIZE for mask in masks]
    points = [ORIGIN if (point := item.get("point")) is None else point for item in items]
    return {
        "id": [item["id"] for item in items],
        "image_id": [item["image_id"] for item in items],
        "category_id": [item["category_id"] for item in items],
        "point_id": [item.get("point_id", NONE) for item in items],
        "height": [height for height, _ in sizes],
        "width": [width for _, width in sizes],
        "crowd": [item.get("iscrowd", 0) for item in items],
        "masked": [bool(mask) for mask in masks],
        "pseudo": [item.get("source") == "pseudo" for item in items],
        "mask": [fingerprint(mask) for mask in masks],
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "score": [math.nan if (score := item.get("score")) is None else score for item in items],
    }
