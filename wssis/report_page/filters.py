"""What the gallery's address filters by, as the page's links name it."""

from collections.abc import Callable, Mapping

Address = Callable[[Mapping[str, str]], str | None]
"""The gallery's address of a part of the instances, by filters and layers; None where it shows none of them."""


def iou_ranges() -> dict[str, tuple[float, float]]:
    """Tenths of IoU, by how the address names them.

    >>> list(iou_ranges())[:2]
    ['0-0.1', '0.1-0.2']
    """
    tenths = [(step / 10, (step + 1) / 10) for step in range(10)]
    return {f"{low:g}-{high:g}": (low, high) for low, high in tenths}


def within(iou: float, span: str) -> bool:
    """Whether an IoU is in a range: from its lower bound on, under its upper one, which 1 alone includes.

    >>> within(0.5, "0.5-0.6"), within(0.6, "0.5-0.6"), within(1.0, "0.9-1")
    (True, False, True)
    """
    low, high = map(float, span.split("-"))
    return low <= iou < high or iou == high == 1
