"""The method: point-guided proposals, refined by MaskRefineNet."""

from wssis.arms.arm import Arm

ARM = Arm(
    name="wssis",
    title="WSSIS",
    explanation="Fully labelled images and the teacher's point-guided proposals, refined.",
    pays=("full", "point"),
    pseudo="refined",
)
