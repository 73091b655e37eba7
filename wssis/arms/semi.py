"""Semi-supervised, without points: the teacher's confident predictions on all images without masks."""

from wssis.arms.arm import Arm

ARM = Arm(
    name="semi",
    title="Semi-supervised",
    explanation="Fully labelled images and the teacher's confident predictions on all others, without points; the"
    " threshold of every class maximises F1 out of fold, and the augmentation is stronger than the other students'.",
    pays=("full",),
    pseudo="confident",
    augmentation="strong",
)
