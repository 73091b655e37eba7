"""What a study of half-labelled data sets may ask for: the mix `given`, and no arm that needs hidden masks."""

from collections.abc import Iterator

from wssis.arms.registry import arms
from wssis.config.half_labelled import GIVEN_MIX, HalfLabelledDataset
from wssis.config.mixes import ORACLE_MIX
from wssis.config.study import Study

NEEDS = {
    "oracle": "needs masks on all training images",
    "hidden": "needs the hidden masks of the clicked objects",
}


def given_problems(study: Study) -> Iterator[str]:
    """Problems of `run` that half-labelled data sets make, one line each."""
    defined = [name for name in study.run.datasets if name in study.datasets]
    half = [name for name in defined if isinstance(study.datasets[name], HalfLabelledDataset)]
    if GIVEN_MIX in study.mixes:
        yield f"mixes.{GIVEN_MIX}: this name stands for the files of a half-labelled data set; choose another"
    yield from _mix_problems(study, half, [name for name in defined if name not in half])
    yield from _arm_problems(study, half)


def _mix_problems(study: Study, half: list[str], whole: list[str]) -> Iterator[str]:
    others = [mix for mix in study.run.mixes if mix != GIVEN_MIX]
    if half and GIVEN_MIX not in study.run.mixes:
        yield f"run.mixes: {', '.join(half)}: half-labelled, so the files are the mix; list {GIVEN_MIX}"
    if half and not whole:
        for mix in others:
            yield (
                f"run.mixes: {mix!r} hides masks, and {', '.join(half)} has none to hide: half-labelled; legal:"
                f" {GIVEN_MIX}"
            )
    if GIVEN_MIX in study.run.mixes and not half:
        yield f"run.mixes: {GIVEN_MIX!r} is the mix of half-labelled data sets, and run.datasets lists none; remove it"
    if whole and half and not others:
        yield f"run.mixes: {', '.join(whole)} needs a mix such as 10pct beside {GIVEN_MIX}: its images all have masks"


def _arm_problems(study: Study, half: list[str]) -> Iterator[str]:
    for name in study.run.arms if half else ():
        arm = arms().get(name)
        why = None if arm is None else NEEDS["oracle"] if arm.mix == ORACLE_MIX else NEEDS.get(arm.pseudo)
        if why is not None:
            yield f"run.arms: {name!r} {why}, and the half-labelled data set {', '.join(half)} has none; remove it"
