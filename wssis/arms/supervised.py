"""The baseline: the fully labelled images alone, as long as every other student."""

from wssis.arms.arm import Arm

ARM = Arm(
    name="supervised",
    title="Supervised",
    explanation="Trained on the fully labelled images alone; pays for no point.",
    pays=("full",),
)
