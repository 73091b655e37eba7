"""images.csv: every image's size and sha256."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from wssis.formats.table import TEXT, WHOLE, read_values, write_table


@dataclass(frozen=True)
class ImageRow:
    """One image: subset is "train" or "val", sizes in px, sha256 of the file in hex."""

    subset: str
    image_id: int
    file_name: str
    width: int
    height: int
    sha256: str


COLUMNS = tuple(field.name for field in fields(ImageRow))
CELLS = {name: WHOLE if name in ("image_id", "width", "height") else TEXT for name in COLUMNS}


def write_images_table(path: Path, rows: Iterable[ImageRow]) -> None:
    """Write images.csv atomically, in the given order."""
    write_table(path, COLUMNS, map(astuple, rows))


def read_images_table(path: Path, subset: str) -> dict[int, ImageRow]:
    """Image id -> row, of one subset ("train" or "val").

    Raises:
        InputError: the file is missing or has another header, or an id or a size is no number.
    """
    rows = (ImageRow(*values) for values in read_values(path, CELLS))
    return {row.image_id: row for row in rows if row.subset == subset}
