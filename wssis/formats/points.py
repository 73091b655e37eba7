"""full_points.csv: one simulated point per object of full.json; hidden_ids.csv: the way back from weak ids.

A point is (x, y) in pixel indices: (0, 0) is the centre of the top-left pixel.
"""

from collections.abc import Mapping
from pathlib import Path

from wssis.formats.table import NUMBER, WHOLE, read_values, write_table

POINT_CELLS = {"annotation_id": WHOLE, "x": NUMBER, "y": NUMBER}
POINT_COLUMNS = tuple(POINT_CELLS)
HIDDEN_CELLS = {"weak_annotation_id": WHOLE, "train_annotation_id": WHOLE}
HIDDEN_COLUMNS = tuple(HIDDEN_CELLS)


def off_the_edge(value: float, side: int) -> float:
    """A coordinate in pixel indices of an image of `side` px; exactly on the far edge: just within the last pixel.

    Labelling tools put clicks beyond an image onto its edge, which is the image's own in their coordinates.
    """
    return side - 0.501 if value == side - 0.5 else value


def read_full_points(path: Path) -> dict[int, tuple[float, float]]:
    """Annotation id -> (x, y), px.

    Raises:
        InputError: the file is missing or has another header, or a cell is no number.
    """
    return {annotation: (x, y) for annotation, x, y in read_values(path, POINT_CELLS)}


def write_full_points(path: Path, points: Mapping[int, tuple[float, float]]) -> None:
    """Write full_points.csv atomically, in the order of annotation ids."""
    write_table(path, POINT_COLUMNS, ((annotation, *points[annotation]) for annotation in sorted(points)))


def read_hidden_ids(path: Path) -> dict[int, int]:
    """Annotation id in weak.json -> annotation id in train.json; only the pseudo-quality stage may ask.

    Raises:
        InputError: the file is missing or has another header, or a cell is no number.
    """
    return dict(read_values(path, HIDDEN_CELLS))


def write_hidden_ids(path: Path, ids: Mapping[int, int]) -> None:
    """Write hidden_ids.csv atomically, in the order of weak annotation ids."""
    write_table(path, HIDDEN_COLUMNS, sorted(ids.items()))
