"""Ten points in a box, then masks: the student of `points10` predicts them in the given boxes."""

from wssis.arms.arm import Arm

ARM = Arm(
    name="points10-selftrain",
    title="Points in boxes, self-trained",
    explanation="Fully labelled images and, on others, the masks that the student of points in boxes predicts in the"
    " given boxes; the same segmentor as WSSIS.",
    pays=("full", "points10"),
    pseudo="boxed",
    teacher="points10",
)
