"""The one table that the benchmarks print."""

from collections.abc import Sequence

from benchmarks.measuring import Result

HEAD = ("what", "where", "ours", "reference", "ratio", "spread", "pairs", "wanted", "met")
UNITS = {"s": ((1, "s"), (1e-3, "ms"), (1e-6, "us")), "bytes": ((1e6, "MB"), (1e3, "kB"), (1, "B"))}


def table(results: Sequence[Result]) -> str:
    """Rows as text, columns aligned; the last line counts the wanted ratios that are reached."""
    rows = [HEAD, *map(_cells, results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(map(_aligned, row, widths, range(len(HEAD)))).rstrip() for row in rows]
    lines.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
    asked = [result.met for result in results if result.met is not None]
    return "\n".join([*lines, f"{sum(asked)} of {len(asked)} wanted ratios are met."])


def _cells(result: Result) -> tuple[str, ...]:
    row = result.row
    return (
        row.what,
        row.where,
        amount(result.ours, row.unit),
        amount(result.reference, row.unit),
        f"{result.ratio:.3g}",
        f"{result.low:.3g}-{result.high:.3g}",
        str(result.pairs),
        "" if row.wanted is None else f"{row.wanted:g}",
        {True: "yes", False: "NO", None: ""}[result.met],
    )


def amount(value: float, unit: str) -> str:
    """A duration or a number of bytes, in a unit that suits it.

    >>> amount(0.0123, "s"), amount(2.5, "s"), amount(22_282_240, "bytes")
    ('12.3 ms', '2.5 s', '22.3 MB')
    """
    scales = UNITS[unit]
    scale, name = next(((scale, name) for scale, name in scales if value >= scale), scales[-1])
    return f"{value / scale:.3g} {name}"


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column < 2 else cell.rjust(width)
