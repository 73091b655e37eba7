"""Small CSV tables with a fixed header; written atomically, read strictly."""

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wssis.errors import InputError
from wssis.formats.atomic import temporary_path


@dataclass(frozen=True)
class Cells:
    """What the cells of a column hold.

    Attributes:
        read: a cell's text -> its value; ValueError where it holds something else.
        words: what it should hold, for the messages.
    """

    read: Callable[[str], Any]
    words: str

    def or_nothing(self) -> "Cells":
        """The same, but an empty cell is None."""
        return Cells(lambda text: self.read(text) if text else None, f"{self.words} or empty")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


TEXT = Cells(str, "text")
WHOLE = Cells(int, "a whole number")
NUMBER = Cells(_finite, "a finite number")
WHOLES = Cells(lambda text: tuple(map(int, text.split())), "whole numbers")


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
        InputError: the file is missing or no CSV in UTF-8, its header is not `columns`, or a row has another number of
            cells.
    """
    path = Path(path)
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run the stage that writes it") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a table in UTF-8 ({error}); run its stage again") from None
    if not lines or lines[0] != list(columns):
        raise InputError(f"{path}: its first line must be {','.join(columns)}; run its stage again")
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(columns):
            raise InputError(f"{path}: line {number} has {len(line)} cells, not {len(columns)}; run its stage again")
    return lines[1:]


def read_values(path: Path, columns: Mapping[str, Cells]) -> list[list[Any]]:
    """Rows of a CSV file, each cell as its column has it.

    Raises:
        InputError: see `read_table`; or a cell that does not hold what its column should.
    """
    lines = read_table(path, list(columns))
    return [_values(path, number, line, columns) for number, line in enumerate(lines, start=2)]


def _values(path: Path, number: int, line: Sequence[str], columns: Mapping[str, Cells]) -> list[Any]:
    values = []
    for text, (name, cells) in zip(line, columns.items(), strict=True):
        try:
            values.append(cells.read(text))
        except ValueError:
            message = f"{path}: line {number}: {name} must be {cells.words}, not {text[:40]!r}; run its stage again"
            raise InputError(message) from None
    return values
