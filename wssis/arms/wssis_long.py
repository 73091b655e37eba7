"""The control of a second round: the training set of `wssis`, trained on twice as long."""

from wssis.arms.arm import Arm


def twice_as_long(full_percent: float) -> float:
    """Twice the students' common length, whatever the mix."""
    return 2.0


ARM = Arm(
    name="wssis-long",
    title="WSSIS, long",
    explanation="As WSSIS, trained twice as long: what a second round has to beat.",
    pays=("full", "point"),
    pseudo="refined",
    shares="wssis",
    iterations=twice_as_long,
)
