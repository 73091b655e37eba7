"""What a labelling session is about: its images, classes, and points or boxes that were given."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class LabelImage:
    """One image: its COCO id, its name relative to the image folder, and its stored size, px."""

    id: int
    file_name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class GivenPoint:
    """A point of a file that was given; pixel indices."""

    id: int
    image_id: int
    category_id: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Box:
    """A given box: [x, y, w, h], px, pixel corners at integers."""

    id: int
    image_id: int
    category_id: int
    bbox: list[float]


@dataclass(frozen=True)
class Request:
    """What `wssis annotate` was asked for; see its options."""

    images: Sequence[Path]
    out: Path
    categories: Path | None = None
    classes: Sequence[str] = ()
    images_from: Path | None = None
    points: Path | None = None
    boxes: Path | None = None
    points_per_box: int = 10
    seed: int = 0

    @property
    def narrowed_by(self) -> list[str]:
        """The options given that say which of IMAGES belong to the session."""
        given = {"--categories": self.categories, "--images-from": self.images_from}
        return [option for option, path in given.items() if path is not None]


@dataclass(frozen=True)
class Setup:
    """A session as its journal begins.

    Attributes:
        categories: id -> name.
        points: those of the file that was given; seen: images of that file, which count as finished.
        first_annotation: the id of the first new point.
        boxes, points_per_box, seed: of the second view; boxes in the order of their images.
        left_out: number of images that were left out since they have masks.
        crowds: crowd regions among the boxes, which get no points.
        narrowed_by: options so far that say which of IMAGES belong to the session; None: an older journal, which does
            not tell.
    """

    images: list[LabelImage]
    categories: dict[int, str]
    points: list[GivenPoint] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    first_annotation: int = 1
    boxes: list[Box] = field(default_factory=list)
    points_per_box: int = 0
    seed: int = 0
    left_out: int = 0
    crowds: int = 0
    narrowed_by: list[str] | None = None

    def as_json(self) -> dict[str, Any]:
        """The first line of its journal."""
        return asdict(self)


def setup_of(line: Mapping[str, Any]) -> Setup:
    """The setup in the first line of a journal."""
    values = dict(line)
    if values.get("left_out"):
        values.setdefault("narrowed_by", ["--categories"])
    lists = {"images": LabelImage, "points": GivenPoint, "boxes": Box}
    values |= {key: [kind(**item) for item in values[key]] for key, kind in lists.items()}
    # JSON's keys are texts.
    values["categories"] = {int(key): name for key, name in values["categories"].items()}
    return Setup(**values)
