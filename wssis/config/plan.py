"""What a study comes to: one row per student and teacher, with its coordinates and its files."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product

from wssis.arms.arm import Arm
from wssis.arms.registry import get_arm
from wssis.config.mixes import ORACLE_MIX
from wssis.config.resolve import full_percent
from wssis.config.study import Study

TEACHER = "teacher"


@dataclass(frozen=True)
class PlanRow:
    """One student, or the teacher of a mix; paths are relative to the working directory.

    `arm` is `teacher` in a teacher's row; `quality` is None where no pseudo masks are made.
    """

    dataset: str
    mix: str
    full_percent: float
    seed: str
    variant: str
    arm: str
    run: str
    scores: str
    quality: str | None


def run_folder(study: str, dataset: str, mix: str, seed: str, variant: str = "base") -> str:
    """Folder of one run: the coordinates of the study, nothing else."""
    return f"results/{study}/{dataset}/{mix}/{seed}/{variant}"


def run_mixes(config: Study) -> tuple[str, ...]:
    """The mixes that have a folder: the study's, and 100pct where an arm trains on it."""
    oracle = any(get_arm(arm).mix == ORACLE_MIX for arm in config.run.arms)
    return (*config.run.mixes, *((ORACLE_MIX,) if oracle else ()))


def plan_rows(config: Study) -> tuple[PlanRow, ...]:
    """All students and teachers, in the order of `run`; each oracle once per data set and seed."""
    return tuple(_rows(config))


def plan_json(config: Study) -> str:
    """The plan as the report is given it: the study's name, its arms as their modules describe them, and the rows."""
    keys = ("name", "title", "explanation", "pays", "pseudo")
    arms = [{key: getattr(get_arm(name), key) for key in keys} for name in config.run.arms]
    plan = {"study": config.study, "arms": arms, "rows": [asdict(row) for row in plan_rows(config)]}
    return json.dumps(plan, separators=(",", ":"))


def _rows(config: Study) -> Iterator[PlanRow]:
    arms = [get_arm(name) for name in config.run.arms]
    teacher = any(TEACHER in arm.rules for arm in arms)
    run = config.run
    for dataset, mix, seed, variant in product(run.datasets, run_mixes(config), run.seeds, run.variants):
        here = run_folder(config.study, dataset, mix, seed, variant)
        percent = full_percent(config, mix)
        if teacher and mix != ORACLE_MIX:
            yield PlanRow(dataset, mix, percent, seed, variant, TEACHER, here, f"{here}/teacher/scores.json", None)
        for arm in arms:
            if (arm.mix == ORACLE_MIX) == (mix == ORACLE_MIX):
                scores, quality = f"{here}/students/{arm.name}/scores.json", _quality(here, arm)
                yield PlanRow(dataset, mix, percent, seed, variant, arm.name, here, scores, quality)


def _quality(here: str, arm: Arm) -> str | None:
    return f"{here}/quality/{arm.name}.csv" if arm.measured else None
