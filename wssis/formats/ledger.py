"""proposals/{side}.csv: the ledger, what became of every point, and why."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

from wssis.formats.table import open_table


@dataclass(frozen=True)
class LedgerRow:
    """One point and predictor.

    point_id: annotation id of the point's object; x, y: the point in px of the image; predictor: teacher, foldK,
    snapshotK, student, corrupt; proposal_id: id in proposals/{side}.json, None where a filter dropped the mask;
    status: kept, fallback (what ranked higher was empty), empty (everything was), with the published filter
    cell_taken, small, suppressed, beyond_top, without a teacher corrupted (a true mask with mistakes, which nothing
    scored). Of the chosen level (by vote: of the voter that counts most, with the mask's own maskness), None where
    dropped: level 0-4, score, maskness, category_score, area in px of the image, own_point_inside, foreign_points and
    same_class_points (other objects' points inside the mask, of any and of the same class), shares_mask_with (proposal
    ids with the very same mask, separated by spaces).
    """

    image_id: int
    point_id: int
    category_id: int
    x: float
    y: float
    predictor: str
    proposal_id: int | None
    status: str
    level: int | None
    score: float | None
    maskness: float | None
    category_score: float | None
    area: int | None
    own_point_inside: bool | None
    foreign_points: int | None
    same_class_points: int | None
    fallback: bool | None
    shares_mask_with: str


COLUMNS = tuple(field.name for field in fields(LedgerRow))
TYPES = {
    "image_id": "int64",
    "point_id": "int64",
    "category_id": "int64",
    "x": "float64",
    "y": "float64",
    "predictor": "str",
    "proposal_id": "Int64",
    "status": "str",
    "level": "Int64",
    "score": "float64",
    "maskness": "float64",
    "category_score": "float64",
    "area": "Int64",
    "own_point_inside": "boolean",
    "foreign_points": "Int64",
    "same_class_points": "Int64",
    "fallback": "boolean",
    "shares_mask_with": "str",
}


@contextmanager
def open_ledger(path: Path) -> Iterator[Callable[[LedgerRow], object]]:
    """Lend a function that writes one row of a ledger, None as an empty cell; atomic, and no row stays in memory."""
    cells = attrgetter(*COLUMNS)
    with open_table(path, COLUMNS) as write:
        yield lambda row: write(["" if value is None else value for value in cells(row)])
