"""scores.json of one evaluated model, and scores.csv of a study: one row per student and teacher."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wssis.errors import InputError
from wssis.formats.atomic import write_json
from wssis.formats.json_text import loads
from wssis.formats.table import read_table, write_table

METRICS = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "bbox_AP")
SCORE_KEYS = (*METRICS, "max_detections", "per_class")
SCORE_COLUMNS = (
    "study", "dataset", "mix", "full_percent", "seed", "variant", "arm", "points", "iterations",
    *METRICS, "max_detections", "label_days_pointwssis", "label_days_cheng",
)  # fmt: skip


def write_scores(path: Path, scores: Mapping[str, Any]) -> None:
    """Write scores.json atomically: metrics (0-100, null where undefined), `max_detections`, `per_class`, counts."""
    write_json(path, scores)


def read_scores(path: Path) -> dict[str, Any]:
    """Read scores.json.

    Raises:
        InputError: the file is missing, is not JSON, or lacks a metric.
    """
    try:
        scores = loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: scores not found; run the evaluate stage of this model") from None
    except ValueError as error:
        raise InputError(f"{path}: not readable as JSON ({error}); run the evaluate stage again") from None
    missing = [key for key in SCORE_KEYS if not isinstance(scores, dict) or key not in scores]
    if missing:
        raise InputError(f"{path}: lacks {', '.join(missing)}; run the evaluate stage again")
    return scores


def write_score_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write scores.csv atomically; None becomes an empty cell.

    Raises:
        KeyError: a row lacks one of `SCORE_COLUMNS`.
    """
    write_table(path, SCORE_COLUMNS, (["" if row[c] is None else row[c] for c in SCORE_COLUMNS] for row in rows))


def read_score_table(path: Path) -> list[dict[str, str]]:
    """Rows of scores.csv as text, column -> cell.

    Raises:
        InputError: the file is missing or has another header.
    """
    return [dict(zip(SCORE_COLUMNS, cells, strict=True)) for cells in read_table(path, SCORE_COLUMNS)]
