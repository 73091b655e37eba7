"""Points without the refiner: what point-guided proposals alone are worth."""

from wssis.arms.arm import Arm

ARM = Arm(
    name="rough",
    title="Rough",
    explanation="Fully labelled images and the teacher's point-guided proposals, not refined.",
    pays=("full", "point"),
    pseudo="rough",
)
