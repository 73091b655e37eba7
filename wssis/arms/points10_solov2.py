"""Ten points in a box for the common segmentor: the student of all arms, without pseudo masks."""

from wssis.arms.arm import Arm

ARM = Arm(
    name="points10-solov2",
    title="Points in boxes, SOLOv2",
    explanation="Fully labelled images and, on others, a box and labelled points for every object; the same segmentor"
    " as WSSIS, no pseudo mask.",
    pays=("full", "points10"),
)
