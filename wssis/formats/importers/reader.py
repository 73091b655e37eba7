"""What all readers of foreign labels share: their form, their options, and small parsers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from wssis.errors import InputError
from wssis.formats.importers.collected import Collected
from wssis.formats.json_text import loads

NAN = float("nan")


@dataclass(frozen=True)
class Options:
    """What a file may leave open.

    Attributes:
        keypoint: name of the keypoint that is the point (coco-keypoints).
        category: the one class of labels that have none (instance-png).
        corners: whether coordinates have pixel corners at integers (True) or pixel centres (False); None: as the
            format is documented. Only for formats in which both are in use.
    """

    keypoint: str | None = None
    category: str | None = None
    corners: bool | None = None


@dataclass(frozen=True)
class Reader:
    """One format: `read(source, into, options)` adds all that the source holds.

    Attributes:
        upright: people drew on the picture as a tool showed it, that is, turned as its EXIF orientation says.
        options: names of the options that mean something to it.
        images: folder in the source that has the images, where no other is given; empty: there is none.
        keeps_ids: whether its images and annotations have ids, which are kept; others are numbered.
    """

    read: Callable[[Path, Collected, Options], None]
    upright: bool = False
    options: tuple[str, ...] = ()
    keeps_ids: bool = False
    images: str = ""


def read_export(path: Path, kind: str) -> bytes:
    """The bytes of an exported file; kind: JSON or XML, for the messages.

    Raises:
        InputError: the file is missing, a folder or empty.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: not found; correct the path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name the {kind} file in it") from None
    if not data.strip():
        raise InputError(f"{path}: is empty; export it again")
    return data


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: the file is missing, empty or not JSON.
    """
    try:
        return loads(read_export(path, "JSON"))
    except ValueError as error:
        raise InputError(f"{path}: not readable as JSON ({error}); export it again") from None


def objects(value: object) -> Iterator[dict[str, Any]]:
    """The items of a list, those that are no objects as empty ones; nothing where it is no list."""
    if isinstance(value, list):
        yield from (item if isinstance(item, dict) else {} for item in value)


def number(value: object) -> float:
    """A JSON number as float; NaN for anything else, texts included."""
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return NAN
    return NAN


def pair(value: object) -> tuple[float, float]:
    """[x, y] as numbers; NaN for what is none."""
    if isinstance(value, list) and len(value) == 2:
        return number(value[0]), number(value[1])
    return NAN, NAN


def text_number(text: str) -> float:
    """A number written as text; NaN for anything else."""
    try:
        return float(text)
    except ValueError:
        return NAN


def whole(value: object) -> object:
    """A whole number as int, whichever way it is written in JSON; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
