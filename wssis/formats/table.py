"""Small CSV tables with a fixed header; written atomically, read strictly."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from wssis.errors import InputError
from wssis.formats.atomic import write_text


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file atomically; numbers are written so that reading them gives the same number."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_table(path: Path, columns: Sequence[str]) -> list[list[str]]:
    """Rows of a CSV file, as text.

    Raises:
        InputError: the file is missing, its header is not `columns`, or a row has another number of cells.
    """
    path = Path(path)
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run the stage that writes it") from None
    if not lines or lines[0] != list(columns):
        raise InputError(f"{path}: its first line must be {','.join(columns)}; run its stage again")
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(columns):
            raise InputError(f"{path}: line {number} has {len(line)} cells, not {len(columns)}; run its stage again")
    return lines[1:]
