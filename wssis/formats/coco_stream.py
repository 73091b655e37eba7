"""A COCO file read piece by piece: the annotations come one after another and are never in memory all at once."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from wssis.errors import InputError
from wssis.formats.json_text import TOO_DEEP, loads_at_once, refuse_halves

PIECE = 2**22
"""Characters that are read at once."""
DECODER = json.JSONDecoder()
LISTS = ("images", "annotations", "categories")
FIRST_KEY = re.compile(r'\{\s*"[^"\\]*"')
"""How an object begins, up to its first key. Items of one list, as programs write them, begin alike."""


def annotations_of(path: Path) -> Iterator[dict[str, Any]]:
    """The annotations of a COCO file, in its order.

    Raises:
        InputError: the file is missing, is not JSON, or lacks images, annotations or categories.
    """
    for key, value in items_of(path):
        if key == "annotations":
            yield value


def read_frame(path: Path) -> dict[str, Any]:
    """A COCO file without its annotations: "annotations" is an empty list.

    Raises:
        InputError: the file is missing, is not JSON, or lacks images, annotations or categories.
    """
    coco: dict[str, Any] = {key: [] for key in LISTS}
    for key, value in items_of(path):
        if key in LISTS and key != "annotations":
            coco[key].append(value)
    return coco


def count_items(path: Path) -> Counter[str]:
    """How many images, annotations and categories a COCO file has.

    Raises:
        InputError: the file is missing, is not JSON, or lacks images, annotations or categories.
    """
    return Counter(key for key, _ in items_of(path) if key in LISTS)


def items_of(path: Path) -> Iterator[tuple[str, Any]]:
    """The items of the three lists, each with its list's name; and None with the name of whatever else there is.

    Raises:
        InputError: the file is missing, is not JSON, or lacks images, annotations or categories.
    """
    seen = set()
    try:
        with Path(path).open(encoding="utf-8") as stream:
            for key, value in _Window(stream).lists():
                seen.add(key)
                if value is _NOTHING:
                    continue
                if key in LISTS and not isinstance(value, dict):
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
        self._gone = 0  # Characters before the window.
        self._singly_to = 0  # Up to this character of the whole text, items come one by one.

    def lists(self) -> Iterator[tuple[str, Any]]:
        """Key and item of every item of LISTS, and once key and nothing for each of them; key and None of the rest."""
        for key in self._sequence("{", "}", lambda: [self._key()]):
            if key in LISTS and self._symbol() == "[":
                yield key, _NOTHING
                for item in self._sequence("[", "]", self._items):
                    yield key, item
                continue
            self._value()
            if key not in LISTS:
                yield key, None
        if self._symbol():
            raise ValueError(f"{self._symbol()!r} stands behind the end of its object")

    def _sequence(self, opening: str, closing: str, items: Callable[[], Iterable[Any]]) -> Iterator[Any]:
        """What stands between two brackets, separated by commas; `items` takes one or more."""
        self._take(opening)
        if self._symbol() != closing:
            yield from items()
            while self._symbol() == ",":
                self._take(",")
                yield from items()
        self._take(closing)

    def _items(self) -> Iterable[Any]:
        """Items of a list: all that the window holds but the last, which are parsed at once; or a single one.

        What stands before the seam may be no list: the seam lies within an item, a number is NaN, there is a fault.
        Then the items up to it come one by one, each faulty one with its own words.
        """
        if self._symbol() and self._gone + self._at >= self._singly_to:
            seam = self._seam()
            try:
                items = loads_at_once(f"[{self._text[self._at : seam]}]")
            except ValueError:
                self._singly_to = self._gone + max(seam, self._at + 1)
            else:
                self._at = seam
                return items
        return [self._value()]

    def _seam(self) -> int:
        """Place of the last comma of the window that seems to stand between two items; its end where none does."""
        first = FIRST_KEY.match(self._text, self._at)
        last = self._text.rfind(first[0], self._at + 1) if first else -1
        before = self._text[:last].rstrip() if last > 0 else ""
        return len(before) - 1 if before.endswith(",") else len(self._text)

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
        self._gone += self._at
        self._at = 0
        return bool(piece)
