"""The content of the report's files as titled tables: pages, tables as CSV and LaTeX, curves."""

import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from textwrap import shorten

import pandas as pd

from wssis.audit.show_parts import Part
from wssis.errors import InputError
from wssis.formats.strays import without_strays
from wssis.overview.table import table
from wssis.report_page.curves import Measured, read_curves

HEADINGS = ("h1", "h2")
COUNTED = {"table": "tables", "svg": "diagrams", "img": "pictures"}
WIDTH = 70
"""Longest caption in the list of tables."""
PAGE_END, LATEX_END = "</html>", "\\end{table}"


class _Outline(HTMLParser):
    """Title and headings of a page, and how often its tables, diagrams and pictures occur."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self.headings: list[str] = []
        self.tags: Counter[str] = Counter()
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count a tag; a title or heading begins."""
        self.tags[tag] += 1
        if tag in HEADINGS:
            self.headings.append("")
        if tag in ("title", *HEADINGS):
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        """A title or heading ends."""
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        """Take the text of a title or heading."""
        # A diagram has titles, too: the page's comes first.
        if self._inside == "title" and self.tags["title"] == 1:
            self.title += data
        elif self._inside in HEADINGS:
            self.headings[-1] += data


def page(path: Path) -> Iterator[Part]:
    """index.html or gallery.html: what it has, not how it looks."""
    outline = _Outline()
    outline.feed(_whole_text(path, PAGE_END))
    parts = [f"{outline.tags[tag]:,} {what}" for tag, what in COUNTED.items()]
    yield "", f"{outline.title.strip() or 'without a title'}: {', '.join(parts)}; open it in a browser"
    if outline.headings:
        yield "headings", "\n".join(f"  {' '.join(heading.split())}" for heading in outline.headings)


def latex(path: Path) -> Iterator[Part]:
    """A table as LaTeX: as it is."""
    yield "", _whole_text(path, LATEX_END).rstrip()


def _whole_text(path: Path, end: str) -> str:
    """A text that has a known end.

    Raises:
        InputError: it has not.
    """
    text = path.read_text(encoding="utf-8")
    if not text.rstrip().endswith(end):
        raise InputError(f"{path}: does not end with {end}; run its stage again")
    return text


def report_table(path: Path) -> Iterator[Part]:
    """A table as CSV, all of it."""
    frame = _cells(path)
    yield "", f"{len(frame):,} rows, {len(frame.columns)} columns"
    yield "", table(tuple(frame.columns), [tuple(row) for row in frame.to_numpy()])


def _cells(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def tables(folder: Path) -> Iterator[Part]:
    """The folder of the tables: what is in it."""
    paths = sorted(without_strays(folder))
    kinds = Counter(path.suffix for path in paths)
    yield "", f"{len(paths):,} files: {', '.join(f'{number} {suffix}' for suffix, number in kinds.items())}"
    read = [(path, _cells(path)) for path in paths if path.suffix == ".csv"]
    rows = [(path.name, _caption(path), f"{len(frame)}", f"{len(frame.columns)}") for path, frame in read]
    yield "", table(("file", "caption", "rows", "columns"), rows, left=2)


def _caption(path: Path) -> str:
    """What a table is of, by the LaTeX file beside it."""
    latex = path.with_suffix(".tex")
    found = re.search(r"\\caption\{(.*)\}", latex.read_text(encoding="utf-8")) if latex.is_file() else None
    return shorten(found[1].replace("\\", ""), WIDTH, placeholder=" ...") if found else ""


def curves(path: Path) -> Iterator[Part]:
    """curves.json: one table for each data set and variant."""
    study = read_curves(path)
    yield "", f"study {study.study}"
    for curve in study.curves:
        keys = tuple(curve.points[0].days) if curve.points else ()
        head = ("arm", "mix", *(f"days, {key}" for key in keys), "AP", *curve.seeds)
        title = f"{curve.dataset}, {curve.variant}: mask AP over label days"
        yield title, table(head, [_measured(one, keys, curve.seeds) for one in curve.points], left=2)


def _measured(one: Measured, keys: tuple[str, ...], seeds: tuple[str, ...]) -> tuple[str, ...]:
    days = (f"{one.days[key]:.3g}" for key in keys)
    return one.arm, one.mix, *days, f"{one.mean:.1f}", *(f"{one.ap[seed]:.1f}" for seed in seeds)
