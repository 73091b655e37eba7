"""Nested settings as flat keys, and numbers and lists in short words."""

from collections.abc import Iterator, Mapping
from typing import Any


def flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested settings by dotted key.

    >>> flat({"a": {"b": 1, "c": [2, 3]}, "d": None})
    {'a.b': 1, 'a.c': [2, 3], 'd': None}
    """
    found: dict[str, Any] = {}
    for name, value in settings.items():
        key = f"{above}{name}"
        found |= flat(value, f"{key}.") if isinstance(value, Mapping) and value else {key: value}
    return found


def word(value: object) -> str:
    """A value in short.

    >>> word(0.1234567), word([1, 2]), word(1.0), word("x"), word(None), word(True)
    ('0.123457', '[1, 2]', '1', 'x', 'none', 'yes')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(word, value))}]"
    return str(value)


def wrapped(items: Mapping[str, Any], width: int = 110) -> Iterator[str]:
    """`key value` pairs, as many in a line as fit."""
    line = ""
    for key, value in items.items():
        part = f"{key} {word(value)}"
        if line and len(line) + len(part) + 2 > width:
            yield line
            line = part
        else:
            line = f"{line}, {part}" if line else part
    if line:
        yield line
