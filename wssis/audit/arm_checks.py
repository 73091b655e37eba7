"""Whether a stage read what its arm reads: predictors of its round, proposals of its round, its own training set."""

import re
from collections.abc import Iterable, Iterator

from wssis.arms.arm import Arm
from wssis.arms.registry import arms
from wssis.audit.checker import Checker
from wssis.audit.finding import Finding, some
from wssis.audit.places import place_of
from wssis.audit.study_files import StageRecord

CORRUPT = "corrupt"
"""Setting of the pairs, and name in the ledger, where true masks are corrupted and no network predicts."""


def arm_of_student(record: StageRecord) -> Arm | None:
    """The arm of a student's manifest; None for another stage or place, or an arm that this version does not know."""
    return arms().get(record.place.student or "") if record.stage in ("student", "box_student") else None


def check_predictors(check: Checker, named: Iterable[str]) -> Iterator[Finding]:
    """Every predictor is the network of its name and round.

    named: the predictors that the outputs name.
    """
    expected = {one.name: rest for one in check.record.inputs if (rest := _predictor(check.record, one.name))}
    legal = {CORRUPT} if check.record.settings.get("pairs") == CORRUPT else set(expected)
    if unknown := sorted(set(named) - legal):
        what = f"has records of predictors that are not among its manifest's inputs: {some(unknown)}"
        yield check.wrong(check.output(".csv"), what)
    yield from _inputs_at(check, expected)


def _predictor(record: StageRecord, name: str) -> str | None:
    """Where in its run the network lies that predicts under a name; None for an input of another kind."""
    if name in ("teacher", "student"):
        arm = arms().get(record.place.arm or "")
        second = arm is not None and arm.teacher is not None
        return f"students/{arm.teacher}/model.safetensors" if second else "teacher/model.safetensors"
    if number := re.fullmatch(r"fold(\d+)", name):
        return f"folds/{number[1]}/model.safetensors"
    return f"teacher/{name}.safetensors" if re.fullmatch(r"snapshot\d+", name) else None


def check_round(check: Checker) -> Iterator[Finding]:
    """The proposals and crops of a training set are those of its arm's round; what predicts in boxes, of its arm."""
    name = check.output(".json").rpartition("/")[2].removesuffix(".json")
    if name in arms():
        arm, around = arms()[name], arms()[name].round
        yield from _inputs_at(check, {"proposals": f"{around}proposals/weak.json", "crops": f"{around}crops/weak.zarr"})
        if arm.pseudo == "boxed":
            yield from _inputs_at(check, {"model": f"students/{arm.teacher}/model.safetensors"})


def check_training_set(check: Checker) -> Iterator[Finding]:
    """A student is trained on the training set of its arm (of a box network: full.json), and on the boxes with points
    of the run where the arm trains on them.
    """
    arm = arm_of_student(check.record)
    if arm is None:
        return
    places = {"training_set": arm.training_set, "full": "full.json", "box_points": "box_points.json"}
    yield from _inputs_at(check, places)
    if arm.trains_on_boxes and check.record.input("box_points") is None:
        yield check.wrong(check.record.path, f"was trained without boxes with points, which {arm.name} pays for")


def _inputs_at(check: Checker, expected: dict[str, str]) -> Iterator[Finding]:
    """Inputs of the study that do not lie where they should, below their run."""
    for name, rest in expected.items():
        path = check.record.input(name)
        if path is not None and place_of(path).rest != rest:
            yield check.wrong(check.record.path, f"input {name} is {path}; here it is {rest} of the run")
