"""The ceiling: every training image with its masks; one per data set and seed."""

from wssis.arms.arm import Arm

ARM = Arm(
    name="oracle",
    title="Oracle",
    explanation="Trained on all training images, each with all its masks.",
    pays=("full",),
    mix="100pct",
)
