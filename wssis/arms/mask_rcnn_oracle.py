"""The ceiling of points in boxes: the same network with the masks of all training images."""

from wssis.arms.arm import Arm

ARM = Arm(
    name="mask-rcnn-oracle",
    title="Mask R-CNN, oracle",
    explanation="The network of points in boxes, trained on all training images with all their masks.",
    pays=("full",),
    mix="100pct",
    segmentor="mask-rcnn",
)
