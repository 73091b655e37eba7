"""Ten points in a box: masks on the full images, and on the others a box and labelled points per object."""

from wssis.arms.arm import Arm

ARM = Arm(
    name="points10",
    title="Points in boxes",
    explanation="Mask R-CNN on fully labelled images and, on others, a box and labelled points for every object (Cheng"
    " et al.); no pseudo mask.",
    pays=("full", "points10"),
    segmentor="mask-rcnn",
)
