"""thresholds.csv: the score from which a detection of a class becomes a label of the arm semi."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

from wssis.formats.table import NUMBER, WHOLE, read_values, write_table


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


CELLS = {
    "category_id": WHOLE, "threshold": NUMBER.or_nothing(), "f1": NUMBER, "precision": NUMBER.or_nothing(),
    "recall": NUMBER, "objects": WHOLE, "detections": WHOLE,
}  # fmt: skip
COLUMNS = tuple(CELLS)


def write_thresholds(path: Path, thresholds: Iterable[ScoreThreshold]) -> None:
    """Write thresholds.csv atomically, None as an empty cell."""
    write_table(path, COLUMNS, (["" if cell is None else cell for cell in astuple(row)] for row in thresholds))


def read_thresholds(path: Path) -> dict[int, float | None]:
    """Category id -> lowest score of a label; None: no detection of this class is one.

    Raises:
        InputError: the file is missing or has another header, or a cell is no number.
    """
    return {row[0]: row[1] for row in read_values(path, CELLS)}
