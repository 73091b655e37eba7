"""The baseline at a shorter length: with few images, the common length may only over-fit them."""

from wssis.arms.arm import Arm

LEAST = 0.25


def equal_epochs(full_percent: float) -> float:
    """As many passes over the full images as the oracle makes over all, but at least a quarter of the iterations.

    >>> equal_epochs(50), equal_epochs(10)
    (0.5, 0.25)
    """
    return max(LEAST, full_percent / 100)


ARM = Arm(
    name="supervised-short",
    title="Supervised, short",
    explanation="As supervised, with equal epochs instead of equal iterations (at least a quarter of them).",
    pays=("full",),
    iterations=equal_epochs,
)
