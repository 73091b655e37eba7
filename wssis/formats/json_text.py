"""JSON text: orjson's speed, the standard library's words.

Every file keeps the bytes that the standard library writes. orjson writes a few numbers otherwise (1e-05 as 0.00001)
and NaN as null, so what holds such a thing is left to the standard library, which also has the last word on what
cannot be read.
"""

import gc
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

import orjson

Item = TypeVar("Item")

STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
"""Refuse what the standard library would refuse, or write in its own way."""
LARGE = 2**24
"""Bytes from which a text makes so many objects that the garbage collector is kept from them for good."""
AT_ONCE = 1000
"""Items of a list that are written at once."""
ESCAPES = re.compile(r"\\(?:u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|(?P<half>u[dD][89a-fA-F]\w\w)|.)", re.DOTALL)
"""Escapes in a text, one after another; `half` is one of two that make a character only together."""
TOO_DEEP = "lists within one another, too deep"


def loads(data: bytes) -> Any:
    """The value of a JSON text in UTF-8; NaN and Infinity are read too.

    Raises:
        ValueError: it is no JSON, or no UTF-8; it is nested too deeply; or a text in it could not be written again.
    """
    with _no_garbage(lasting=len(data) >= LARGE):
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            return _plain_loads(data.decode("utf-8"))


def loads_at_once(text: str) -> Any:
    """The value of a JSON text as orjson reads it, with no second opinion; integers beyond 64 bits become floats.

    Raises:
        ValueError: it is no JSON, or holds what orjson does not take: NaN, infinity, half a character.
    """
    with _no_garbage(lasting=False):
        return orjson.loads(text)


def refuse_halves(text: str, begin: int, end: int) -> None:
    """Nothing where all characters of a JSON text are whole: half a character (a lone surrogate) has no UTF-8.

    Raises:
        ValueError: one is not.
    """
    if text.find("\\", begin, end) < 0:
        return
    for escape in ESCAPES.finditer(text, begin, end):
        if escape["half"]:
            raise json.JSONDecodeError(f"{escape[0]} is half a character", text, escape.start())


def _plain_loads(text: str) -> Any:
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    refuse_halves(text, 0, len(text))
    return value


@contextmanager
def _no_garbage(lasting: bool) -> Iterator[None]:
    """Spare the garbage collector millions of new objects that are no garbage: it takes longer than the parser.

    lasting: never look at them again either. They are freed all the same when nothing refers to them: JSON has no
    cycles.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
        if lasting:
            gc.freeze()
    finally:
        if collects:
            gc.enable()


def dumps(value: object) -> bytes:
    """Compact JSON in UTF-8, keys in their order of insertion: the bytes of the standard library's `json.dumps`.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot say.
        TypeError: a value of a kind that JSON has not.
    """
    try:
        text = orjson.dumps(value, option=STRICT)
    except TypeError:  # It may still be an integer beyond 64 bits, or a float of numpy's.
        return _plain(value)
    return _plain(value) if _may_differ(text) else text


def pieces(items: Iterable[object]) -> Iterator[bytes]:
    """The JSON text of a list, in pieces; the items are asked for as they are written."""
    yield b"["
    for number, block in enumerate(blocks(items, AT_ONCE)):
        yield (b"," if number else b"") + dumps(block)[1:-1]
    yield b"]"


def blocks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of `size`, the last one shorter.

    >>> list(blocks("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while block := list(islice(rest, size)):
        yield block


def _plain(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")


def _may_differ(text: bytes) -> bool:
    """Whether a number with an exponent, a very small one or a null is in the text, or looks so within a string."""
    if b".0000" in text or b"null" in text:
        return True
    import numpy as np  # Here alone: a bill, which reads streams, does without NumPy.

    symbols = np.frombuffer(text, np.uint8)
    before = symbols[:-1]
    return bool(((symbols[1:] == ord("e")) & (before >= ord("0")) & (before <= ord("9"))).any())
