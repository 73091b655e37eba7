"""The baseline of points in boxes: the same network on the fully labelled images alone."""

from wssis.arms.arm import Arm

ARM = Arm(
    name="mask-rcnn-supervised",
    title="Mask R-CNN, supervised",
    explanation="The network of points in boxes, trained on the fully labelled images alone; pays for no box or point.",
    pays=("full",),
    segmentor="mask-rcnn",
)
