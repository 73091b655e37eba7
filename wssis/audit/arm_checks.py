"""Whether a stage's outputs come from what its arm reads, beyond where its inputs lie."""

from collections.abc import Iterable, Iterator

from wssis.arms.arm import Arm
from wssis.arms.registry import arms
from wssis.audit.checker import Checker
from wssis.audit.finding import Finding, some
from wssis.audit.input_places import predictor_place
from wssis.audit.study_files import StageRecord

CORRUPT = "corrupt"
"""Setting of the pairs, and name in the ledger, where true masks are corrupted and no network predicts."""


def arm_of_student(record: StageRecord) -> Arm | None:
    """The arm of a student's manifest; None for another stage or place, or an arm that this version does not know."""
    return arms().get(record.place.student or "") if record.stage in ("student", "box_student") else None


def check_predictors(check: Checker, named: Iterable[str]) -> Iterator[Finding]:
    """Every predictor is among the inputs.

    named: the predictors that the outputs name.
    """
    given = {one.name for one in check.record.inputs if predictor_place(check.record.place, one.name) is not None}
    legal = {CORRUPT} if check.record.settings.get("pairs") == CORRUPT else given
    if unknown := sorted(set(named) - legal):
        what = f"has records of predictors that are not among its manifest's inputs: {some(unknown)}"
        yield check.wrong(check.output(".csv"), what)


def check_boxes(check: Checker) -> Iterator[Finding]:
    """A student is trained on the boxes with points of its run where its arm trains on them."""
    arm = arm_of_student(check.record)
    if arm is not None and arm.trains_on_boxes and check.record.input("box_points") is None:
        yield check.wrong(check.record.path, f"was trained without boxes with points, which {arm.name} pays for")
