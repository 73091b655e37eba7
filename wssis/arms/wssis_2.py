"""A second round: the student of `wssis` in the teacher's place, with the same points."""

from wssis.arms.arm import Arm

ARM = Arm(
    name="wssis-2",
    title="WSSIS, second round",
    explanation="Fully labelled images and the proposals of WSSIS's student, guided by the same points and refined;"
    " trained from the initial weights again. The points are paid for once.",
    pays=("full", "point"),
    pseudo="refined",
    teacher="wssis",
)
