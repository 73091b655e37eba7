"""CSV files of clicks: columns image, x, y, category, in any order; others are not read.

Unless the options say otherwise pixel corners are at integers. A row with an image alone says that it was looked at
and shows nothing.
"""

import csv
import io
from pathlib import Path

from wssis.errors import InputError
from wssis.formats.importers.coco import ON_REFUSED
from wssis.formats.importers.collected import Collected, LabelledImage, Place
from wssis.formats.importers.reader import Options, text_number

COLUMNS = ("image", "x", "y", "category")


def read_points(source: Path, into: Collected, options: Options) -> None:
    """Add one point per row.

    Raises:
        InputError: the file is missing, empty, no UTF-8, or lacks a column.
    """
    shift = 0.0 if options.corners is False else 0.5
    images: dict[str, LabelledImage | None] = {}
    for line, row in _rows(source):
        place, name = Place(source, f"line {line}"), row["image"]
        if name not in images:
            images[name] = into.add_image(place, name)
        image = images[name]
        if image is None:
            into.passed_over[ON_REFUSED] += 1
        elif row["x"] or row["y"] or row["category"]:
            into.add_point(image, place, row["category"], text_number(row["x"]) - shift, text_number(row["y"]) - shift)


def _rows(source: Path) -> list[tuple[int, dict[str, str]]]:
    """Line numbers and rows; a missing cell is an empty text."""
    try:
        text = source.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{source}: not found; correct the path") from None
    except IsADirectoryError:
        raise InputError(f"{source}: is a folder; name the CSV file in it") from None
    except UnicodeDecodeError:
        raise InputError(f"{source}: is not UTF-8; save it as CSV in UTF-8") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="", skipinitialspace=True)
    try:
        return _read(reader, source)
    except csv.Error as error:
        where = f"{source}: not readable as CSV after line {reader.line_num}"
        raise InputError(f"{where} ({error}); save it again") from None


def _read(reader: "csv.DictReader[str]", source: Path) -> list[tuple[int, dict[str, str]]]:
    header = [name.strip() for name in reader.fieldnames or ()]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        found = ", ".join(header) or "nothing"
        needed = f"{source}: its first line must name the columns {', '.join(COLUMNS)}"
        raise InputError(f"{needed}; missing: {', '.join(missing)}; found: {found}")
    reader.fieldnames = header
    return [(reader.line_num, {name: (row[name] or "").strip() for name in COLUMNS}) for row in reader]
