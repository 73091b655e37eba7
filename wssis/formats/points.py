"""full_points.csv: one simulated point per object of full.json; hidden_ids.csv: the way back from weak ids.

A point is (x, y) in pixel indices: (0, 0) is the centre of the top-left pixel. In tables of clicks, which people and
labelling tools write and read, pixel corners are at integers: (0.5, 0.5) is that centre.
"""

from collections.abc import Mapping
from pathlib import Path

from wssis.formats.table import NUMBER, WHOLE, read_values, write_table

POINT_CELLS = {"annotation_id": WHOLE, "x": NUMBER, "y": NUMBER}
POINT_COLUMNS = tuple(POINT_CELLS)
HIDDEN_CELLS = {"weak_annotation_id": WHOLE, "train_annotation_id": WHOLE}
HIDDEN_COLUMNS = tuple(HIDDEN_CELLS)
UNMASKED_COLUMNS = ("point_id", "image", "file_name", "x", "y", "category", "reason")
"""Of unmasked.csv, the points that got no mask of `wssis predict`, as a table of clicks.

image: as the points' file names it; file_name: of the picture among those given, or empty.
"""


def to_corners(point: tuple[float, float]) -> tuple[float, float]:
    """A point in pixel indices, as tables of clicks have it."""
    return point[0] + 0.5, point[1] + 0.5


def from_corners(x: float, y: float) -> tuple[float, float]:
    """A point of a table of clicks, in pixel indices."""
    return x - 0.5, y - 0.5


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
