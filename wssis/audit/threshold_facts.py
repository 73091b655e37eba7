"""What an audit needs to know of a thresholds.csv: its rows, and what is wrong with single ones."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wssis.formats.score_thresholds import COLUMNS, ScoreThreshold
from wssis.formats.table import read_table


@dataclass(frozen=True)
class ThresholdFacts:
    """Rows of one file, in its order, and what is wrong with single ones, in words."""

    rows: Sequence[ScoreThreshold]
    problems: Sequence[str]


def threshold_facts(path: Path) -> ThresholdFacts:
    """Facts of a thresholds.csv.

    Raises:
        InputError, ValueError: it is none.
    """
    rows = [_row(*line) for line in read_table(path, COLUMNS)]
    return ThresholdFacts(rows, list(_problems(rows)))


def _row(
    category_id: str, threshold: str, f1: str, precision: str, recall: str, objects: str, detections: str
) -> ScoreThreshold:
    return ScoreThreshold(
        int(category_id), float(threshold) if threshold else None, float(f1), float(precision) if precision else None,
        float(recall), int(objects), int(detections),
    )  # fmt: skip


def _problems(rows: Sequence[ScoreThreshold]) -> Iterator[str]:
    for category, times in Counter(row.category_id for row in rows).items():
        if times > 1:
            yield f"class {category} has {times} rows"
    for row in rows:
        for name in ("threshold", "f1", "precision", "recall"):
            value = getattr(row, name)
            if value is not None and not 0 <= value <= 1:
                yield f"class {row.category_id}: {name} is {value}, not within 0 ... 1"
        if (row.threshold is None) != (row.precision is None):
            yield f"class {row.category_id}: threshold and precision are not both there or both empty"
