"""What the tables of an artifact's content are made of."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wssis.audit.artifact import TABLES
from wssis.audit.values import word
from wssis.formats.table import read_table
from wssis.overview.table import table

Part = tuple[str, str]
"""A title, which may be empty, and a text."""
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
QUANTILES = ("least", "25 %", "median", "75 %", "most")


def counted(counts: Mapping[Any, int], what: str) -> str:
    """Numbers and shares by name, one a line."""
    total = sum(counts.values()) or 1
    rows = [(str(name), f"{number:,}", f"{100 * number / total:.1f}") for name, number in counts.items()]
    return table((what, "number", "%"), rows)


def spread(values: Mapping[str, Iterable[float]]) -> str:
    """Quantiles of some series, one a line; empty series are left out."""
    rows = []
    for name, series in values.items():
        numbers = np.asarray(list(series), float)
        numbers = numbers[~np.isnan(numbers)]
        if numbers.size:
            rows.append((name, f"{numbers.size:,}", *(f"{value:.4g}" for value in np.quantile(numbers, SHARES))))
    return table(("", "number", *QUANTILES), rows)


def first_rows(frame: pd.DataFrame, columns: Sequence[str], count: int = 5) -> str:
    """The first rows of a table, some of its columns."""
    head = frame[list(columns)].head(count)
    rows = [tuple("" if pd.isna(cell) else word(cell) for cell in row) for row in head.to_numpy()]
    return table(tuple(columns), rows)


def whole_table(path: Path, kind: str) -> pd.DataFrame:
    """A CSV of the package, of a kind in TABLES.

    Raises:
        InputError: a row has another number of cells than the header, which pandas would fill up.
    """
    read_table(path, TABLES[kind])
    return pd.read_csv(path)
