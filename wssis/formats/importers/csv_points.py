"""CSV files of clicks: columns image, x, y, category, in any order; others are not read.

Unless the options say otherwise pixel corners are at integers. A row with an image alone says that it was looked at
and shows nothing.
"""

import csv
import io
from pathlib import Path

from wssis.errors import InputError, refuse
from wssis.formats.importers.coco import ON_REFUSED
from wssis.formats.importers.collected import Collected, LabelledImage, Place
from wssis.formats.importers.reader import Options, text_number

COLUMNS = ("image", "x", "y", "category")
OTHER_MARKS = {";": "semicolons", "\t": "tabs"}
"""What stands between the columns in place of commas, and its name."""


def read_points(source: Path, into: Collected, options: Options) -> None:
    """Add one point per row.

    Raises:
        InputError: see `point_rows`.
    """
    shift = 0.0 if options.corners is False else 0.5
    images: dict[str, LabelledImage | None] = {}
    for line, row in point_rows(source):
        place, name = Place(source, f"line {line}"), row["image"]
        if name not in images:
            images[name] = into.add_image(place, name)
        image = images[name]
        if image is None:
            into.passed_over[ON_REFUSED] += 1
        elif row["x"] or row["y"] or row["category"]:
            into.add_point(image, place, row["category"], text_number(row["x"]) - shift, text_number(row["y"]) - shift)


def point_rows(source: Path) -> list[tuple[int, dict[str, str]]]:
    """Line numbers and rows, cells stripped; of an image alone, also without commas behind it, the others are empty.

    Raises:
        InputError: the file is missing, empty, no UTF-8, lacks a column or has it twice; or a row has more or fewer
            cells than the header, all such rows at once.
    """
    try:
        text = source.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{source}: not found; correct the path") from None
    except IsADirectoryError:
        raise InputError(f"{source}: is a folder; name the CSV file in it") from None
    except UnicodeDecodeError:
        raise InputError(f"{source}: is not UTF-8; save it as CSV in UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    lines: list[tuple[int, list[str]]] = []
    try:
        lines.extend((reader.line_num, [cell.strip() for cell in cells]) for cells in reader if cells)
    except csv.Error as error:
        where = f"{source}: not readable as CSV after line {lines[-1][0] if lines else 0}"
        raise InputError(f"{where} ({error}); save it again") from None
    return _named(lines, source)


def _named(lines: list[tuple[int, list[str]]], source: Path) -> list[tuple[int, dict[str, str]]]:
    header = lines[0][1] if lines else []
    _check_header(header, source)
    rows, problems = [], []
    for line, cells in lines[1:]:
        if len(cells) == 1 and header[0] == "image":
            cells = cells + [""] * (len(header) - 1)
        if len(cells) == len(header):
            rows.append((line, {name: cells[header.index(name)] for name in COLUMNS}))
        else:
            what = f"has {len(cells)} cells, its first line {len(header)}"
            problems.append(f"{source}: line {line}: {what}; write numbers with a decimal point, or correct the row")
    refuse(problems)
    return rows


def _check_header(header: list[str], source: Path) -> None:
    missing = [name for name in COLUMNS if name not in header]
    twice = [name for name in COLUMNS if header.count(name) > 1]
    needed = f"{source}: its first line must name the columns {', '.join(COLUMNS)}"
    if missing:
        found = f"missing: {', '.join(missing)}; found: {', '.join(header) or 'nothing'}"
        other = next((name for mark, name in OTHER_MARKS.items() if mark in "".join(header)), None)
        hint = f"; its columns are separated by {other}: save it with commas, and decimal points" if other else ""
        raise InputError(f"{needed}; {found}{hint}")
    if twice:
        raise InputError(f"{needed}, each once; more than once: {', '.join(twice)}; keep one of them")
