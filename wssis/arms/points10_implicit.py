"""Ten points in a box, with the mask head that predicts point by point."""

from wssis.arms.arm import Arm

ARM = Arm(
    name="points10-implicit",
    title="Points in boxes, implicit",
    explanation="As points in boxes, with Implicit PointRend instead of the mask head of Mask R-CNN.",
    pays=("full", "points10"),
    segmentor="implicit-pointrend",
)
