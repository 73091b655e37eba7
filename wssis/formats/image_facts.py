"""image_facts.csv: what is worth knowing of every image beside images.csv; warnings are made from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wssis.formats.table import TEXT, WHOLE, WHOLES, read_values, write_table

CELLS = {
    "subset": TEXT, "image_id": WHOLE, "mode": TEXT, "orientation": WHOLE, "alike": WHOLE.or_nothing(),
    "flat_points": WHOLES, "border_points": WHOLES,
}  # fmt: skip
COLUMNS = tuple(CELLS)


@dataclass(frozen=True)
class ImageFacts:
    """One image.

    Attributes:
        subset, image_id: as in images.csv.
        mode: Pillow's name of the kind of pixels.
        orientation: as EXIF has it, 1 to 8; 1 is upright.
        alike: number of the group of images that look alike; None for an image that looks like no other.
        flat_points: ids of clicked points in it, amid pixels of one colour.
        border_points: ids of those on its outermost pixels; none where clicks lie there no more often than beside.
    """

    subset: str
    image_id: int
    mode: str
    orientation: int
    alike: int | None
    flat_points: tuple[int, ...] = ()
    border_points: tuple[int, ...] = ()


def write_image_facts(path: Path, facts: Iterable[ImageFacts]) -> None:
    """Write image_facts.csv atomically, in the given order."""
    write_table(path, COLUMNS, map(_cells, facts))


def read_image_facts(path: Path) -> list[ImageFacts]:
    """All rows.

    Raises:
        InputError: the file is missing or has another header, or a cell is no number.
    """
    return [ImageFacts(*values) for values in read_values(path, CELLS)]


def _cells(facts: ImageFacts) -> tuple[object, ...]:
    alike = "" if facts.alike is None else facts.alike
    points = (" ".join(map(str, ids)) for ids in (facts.flat_points, facts.border_points))
    return (facts.subset, facts.image_id, facts.mode, facts.orientation, alike, *points)
