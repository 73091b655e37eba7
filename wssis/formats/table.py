"""Small CSV tables with a fixed header; written atomically, read strictly."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wssis.errors import InputError
from wssis.formats.atomic import temporary_path


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file atomically; numbers are written so that reading them gives the same number."""
    with open_table(path, columns) as write:
        for row in rows:
            write(row)


@contextmanager
def open_table(path: Path, columns: Sequence[str]) -> Iterator[Callable[[Sequence[object]], object]]:
    """Lend a function that writes one row of a CSV file; the file is there when the block has ended well."""
    with temporary_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        yield writer.writerow


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
