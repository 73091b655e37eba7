"""A table of the page: shown there, and written beside it as CSV and LaTeX from the same cells."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from wssis.formats.atomic import write_text
from wssis.formats.strays import without_strays

FOLDER = "tables"
PLAIN = str.maketrans({"−": "-", "\u202f": "", "\u00a0": " "})
SIGNS = {"−": "$-$", "\u202f": r"\,", "±": r"$\pm$", "≥": r"$\geq$", "●": r"$\bullet$", "–": "--"}
DASH = "–"


@dataclass(frozen=True)
class Cell:
    """A cell with more than text: a link within the report, a colour before it, a tag after it, a style.

    Attributes:
        kind: class of the cell's style, main or quiet; may be empty.
    """

    text: str
    href: str | None = None
    colour: str | None = None
    tag: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first cell of every line is its header.

    Attributes:
        name: of its files, without suffix; unique in a report. caption: one line of plain text.
        text: numbers of the columns that hold text and stand left, besides the first.
    """

    name: str
    caption: str
    head: tuple[str, ...]
    lines: tuple[tuple[Cell, ...], ...]
    text: tuple[int, ...] = ()

    @property
    def files(self) -> tuple[str, str]:
        """Its CSV and LaTeX files, relative to the page."""
        return f"{FOLDER}/{self.name}.csv", f"{FOLDER}/{self.name}.tex"


def make_table(
    name: str,
    caption: str,
    head: Sequence[str],
    lines: Iterable[Sequence[str | Cell]],
    text: Sequence[int] = (),
) -> Table:
    """A table of cells and plain texts.

    Raises:
        ValueError: a line has another number of cells than the head.
    """
    cells = tuple(tuple(c if isinstance(c, Cell) else Cell(c) for c in line) for line in lines)
    if any(len(line) != len(head) for line in cells):
        raise ValueError(f"table {name}: a line has another number of cells than its head")
    return Table(name, caption, tuple(head), cells, tuple(text))


def write_tables(folder: Path, tables: Sequence[Table]) -> None:
    """Write every table as CSV and LaTeX (booktabs) into a folder.

    Raises:
        ValueError: two tables have one name.
    """
    names = [table.name for table in tables]
    if len(set(names)) < len(names):
        raise ValueError(f"tables of one name: {sorted({name for name in names if names.count(name) > 1})}")
    for table in tables:
        write_text(folder / f"{table.name}.csv", csv_text(table))
        write_text(folder / f"{table.name}.tex", latex_text(table))


def are_tables(folder: Path) -> bool:
    """Whether a folder has nothing in it but files as `write_tables` writes them."""
    return all(path.suffix in (".csv", ".tex") for path in without_strays(folder))


def csv_text(table: Table) -> str:
    """Cells as the page shows them, with ASCII minus signs, no separators in numbers, and nothing for a dash.

    Tags have columns of their own, after those of the page.
    """
    tagged = [place for place in range(len(table.head)) if any(line[place].tag for line in table.lines)]
    head = [*table.head, *(f"{table.head[place]}: mark" for place in tagged)]
    lines = [
        [*("" if c.text == DASH else c.text.translate(PLAIN) for c in line), *(line[place].tag for place in tagged)]
        for line in table.lines
    ]
    return pd.DataFrame(lines, columns=head).to_csv(index=False, lineterminator="\n")


def latex_text(table: Table) -> str:
    r"""A LaTeX table with caption and label; it needs \usepackage{booktabs}."""
    lines = [[f"{cell.text} {cell.tag}".strip() for cell in line] for line in table.lines]
    frame = pd.DataFrame(lines, columns=list(table.head))
    style = frame.style.hide(axis="index").format(escape="latex").format_index(escape="latex", axis="columns")
    layout = "".join("l" if place == 0 or place in table.text else "r" for place in range(len(table.head)))
    label, caption = f"tab:{table.name}", _escaped(table.caption)
    latex = style.to_latex(hrules=True, column_format=layout, caption=caption, label=label, position_float="centering")
    for sign, command in SIGNS.items():
        latex = latex.replace(sign, command)
    return latex


def _escaped(text: str) -> str:
    """Text with LaTeX's special characters escaped, as pandas does in cells."""
    return "".join(rf"\{letter}" if letter in "&%$#_{}" else letter for letter in text)
