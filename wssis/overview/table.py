"""Plain-text tables for the terminal, and the words for times and sizes in them."""

from collections.abc import Sequence

UNKNOWN = "?"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Lines with aligned columns; the first `left` columns flush left, the others right.

    >>> print(table(("rule", "jobs"), [("split", "2"), ("report", "10")]))
    rule    jobs
    split      2
    report    10
    """
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if i < left else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def duration(seconds: float | None) -> str:
    """A time in two units at most.

    >>> [duration(seconds) for seconds in (None, 7.6, 200, 7260, 200000)]
    ['?', '8 s', '3 min', '2 h 01', '2 d 07 h']
    """
    if seconds is None:
        return UNKNOWN
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d}"
    hours = int(seconds // 3600)
    return f"{hours // 24} d {hours % 24:02d} h"


def size(count: float | None) -> str:
    """Bytes in a unit of three digits.

    >>> [size(count) for count in (None, 900, 12_345_678, 3.2e12)]
    ['?', '0.0 MB', '12.3 MB', '3200.0 GB']
    """
    if count is None:
        return UNKNOWN
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def hours(seconds: float | None) -> str:
    """Hours with enough digits to add up.

    >>> [hours(seconds) for seconds in (None, 36, 36000)]
    ['?', '0.01', '10.00']
    """
    return UNKNOWN if seconds is None else f"{seconds / 3600:.2f}"
