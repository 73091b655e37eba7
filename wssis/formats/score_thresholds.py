"""thresholds.csv: the score from which a detection of a class becomes a label of the arm semi."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from wssis.formats.table import read_table, write_table


@dataclass(frozen=True)
class ScoreThreshold:
    """One class: labels are its detections with a score of `threshold` and more; None: no detection was right.

    f1, precision, recall: at IoU .5, of these labels; 0, None and 0 without a threshold. objects, detections: what the
    choice rests on, crowd regions and detections on them left out.
    """

    category_id: int
    threshold: float | None
    f1: float
    precision: float | None
    recall: float
    objects: int
    detections: int


COLUMNS = tuple(field.name for field in fields(ScoreThreshold))


def write_thresholds(path: Path, thresholds: Iterable[ScoreThreshold]) -> None:
    """Write thresholds.csv atomically, None as an empty cell."""
    write_table(path, COLUMNS, (["" if cell is None else cell for cell in astuple(row)] for row in thresholds))


def read_thresholds(path: Path) -> dict[int, float | None]:
    """Category id -> lowest score of a label; None: no detection of this class is one.

    Raises:
        InputError: the file is missing or has another header.
    """
    return {int(row[0]): float(row[1]) if row[1] else None for row in read_table(path, COLUMNS)}
