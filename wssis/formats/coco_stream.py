"""A COCO file read piece by piece: the annotations come one after another and are never in memory all at once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from wssis.errors import InputError
from wssis.formats.json_text import TOO_DEEP, refuse_halves

PIECE = 2**22
"""Characters that are read at once."""
DECODER = json.JSONDecoder()
LISTS = ("images", "annotations", "categories")


def annotations_of(path: Path) -> Iterator[dict[str, Any]]:
    """The annotations of a COCO file, in its order.

    Raises:
        InputError: the file is missing, is not JSON, or lacks images, annotations or categories.
    """
    for key, value in _parts(path):
        if key == "annotations":
            yield value


def read_frame(path: Path) -> dict[str, Any]:
    """A COCO file without its annotations: "annotations" is an empty list.

    Raises:
        InputError: the file is missing, is not JSON, or lacks images, annotations or categories.
    """
    coco: dict[str, Any] = {key: [] for key in LISTS}
    for key, value in _parts(path):
        if key != "annotations":
            coco[key].append(value)
    return coco


def count_items(path: Path) -> Counter[str]:
    """How many images, annotations and categories a COCO file has.

    Raises:
        InputError: the file is missing, is not JSON, or lacks images, annotations or categories.
    """
    return Counter(key for key, _ in _parts(path))


def _parts(path: Path) -> Iterator[tuple[str, Any]]:
    """The items of the three lists, each with its list's name."""
    seen = set()
    try:
        with Path(path).open(encoding="utf-8") as stream:
            for key, value in _Window(stream).lists():
                seen.add(key)
                if value is _NOTHING:
                    continue
                if not isinstance(value, dict):
                    what = f"an item of its {key} is no object ({str(value)[:40]})"
                    raise InputError(f"{path}: {what}; is it the right file? A COCO file is expected")
                yield key, value
    except FileNotFoundError:
        raise InputError(f"{path}: annotation file not found; correct the path") from None
    except (ValueError, RecursionError) as error:
        reason = TOO_DEEP if isinstance(error, RecursionError) else error
        raise InputError(f"{path}: not readable as JSON ({reason}); export the file again") from None
    for key in LISTS:
        if key not in seen:
            raise InputError(f'{path}: has no list "{key}"; a COCO instances file is expected')


_NOTHING = object()


class _Window:
    """The part of a JSON text that is being read."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._text = ""
        self._at = 0

    def lists(self) -> Iterator[tuple[str, Any]]:
        """Key and item of every item of LISTS, and once key and nothing for each of them."""
        for key in self._sequence("{", "}", self._key):
            if key not in LISTS or self._symbol() != "[":
                self._value()
                continue
            yield key, _NOTHING
            for item in self._sequence("[", "]", self._value):
                yield key, item

    def _sequence(self, opening: str, closing: str, item: Callable[[], Any]) -> Iterator[Any]:
        """What stands between two brackets, separated by commas."""
        self._take(opening)
        if self._symbol() != closing:
            yield item()
            while self._symbol() == ",":
                self._take(",")
                yield item()
        self._take(closing)

    def _key(self) -> str:
        key = self._value()
        self._take(":")
        return str(key)

    def _value(self) -> Any:
        """The value that begins here; the window goes on behind it."""
        self._symbol()
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except ValueError:
                if not self._more():
                    raise
                continue
            begin = self._at
            refuse_halves(self._text, begin, end)
            if end < len(self._text):
                self._at = end
                return value
            if not self._more():  # A number could have gone on behind the window.
                self._at = end - begin
                return value

    def _take(self, expected: str) -> None:
        found = self._symbol()
        if found != expected:
            raise ValueError(f"{expected!r} expected, not {found!r}")
        self._at += 1

    def _symbol(self) -> str:
        """The next character that is no white space, which is left where it is; nothing at the end of the text."""
        while True:
            while self._at < len(self._text):
                symbol = self._text[self._at]
                if symbol not in " \n\r\t":
                    return symbol
                self._at += 1
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read on, and forget what lies behind; False at the end of the text."""
        piece = self._stream.read(PIECE)
        self._text = self._text[self._at :] + piece
        self._at = 0
        return bool(piece)
