"""The ceiling of refinement: the hidden masks of exactly the weak points, which nobody could buy at their price."""

from wssis.arms.arm import Arm

ARM = Arm(
    name="oracle-mask",
    title="Oracle masks",
    explanation="Fully labelled images and, for exactly the weak points, their hidden masks: the ceiling of refinement,"
    " which cannot be bought.",
    pays=("full", "point"),
    pseudo="hidden",
)
