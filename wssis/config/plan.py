"""What a study comes to: one row per student and teacher, with its coordinates and its files."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product

from wssis.arms.registry import get_arm
from wssis.config.half_labelled import GIVEN_MIX, HalfLabelledDataset
from wssis.config.lineage import Lineage, Place, Product
from wssis.config.mixes import ORACLE_MIX
from wssis.config.resolve import full_percent
from wssis.config.study import BASE, Study

TEACHER = "teacher"


@dataclass(frozen=True)
class PlanRow:
    """One student, or the teacher of a mix; paths are relative to the working directory.

    `arm` is `teacher` in a teacher's row; `full_percent` is None where the given files alone can tell. `quality` is
    None where no pseudo masks are measured, `shown` (pictures of some of them) where an arm has none of its own.
    `homes` are the folders of runs that hold what this run did not make itself, part by part: a variant's row takes
    most from base.
    """

    dataset: str
    mix: str
    full_percent: float | None
    seed: str
    variant: str
    arm: str
    run: str
    scores: str
    quality: str | None
    shown: str | None
    homes: dict[str, str]

    def folder(self, part: str) -> str:
        """Folder of the run that holds a part: split, points, proposals/full, crops/weak, refiner, pseudo, ..."""
        return self.homes.get(part, self.run)

    @property
    def network(self) -> str:
        """Folder of the network: its manifest and metrics; its scores may lie in another variant's."""
        inside = "teacher" if self.arm == TEACHER else f"students/{self.arm}"
        return f"{self.folder('network')}/{inside}"


def run_folder(study: str, dataset: str, mix: str, seed: str, variant: str = BASE) -> str:
    """Folder of one run: the coordinates of the study, nothing else."""
    return f"results/{study}/{dataset}/{mix}/{seed}/{variant}"


def run_mixes(config: Study) -> tuple[str, ...]:
    """The mixes that have a folder: the study's, and 100pct where an arm trains on it."""
    oracle = any(get_arm(arm).trained_at(ORACLE_MIX) for arm in config.run.arms)
    return (*config.run.mixes, *((ORACLE_MIX,) if oracle else ()))


def mixes_of(config: Study, dataset: str) -> tuple[str, ...]:
    """The mixes of one data set: those of the study, but `given` for half-labelled ones, and for these alone."""
    half = isinstance(config.datasets[dataset], HalfLabelledDataset)
    return tuple(mix for mix in run_mixes(config) if (mix == GIVEN_MIX) == half)


def plan_rows(config: Study) -> tuple[PlanRow, ...]:
    """All students and teachers, in the order of `run`; each oracle once per data set and seed.

    A variant has rows for what it makes differently from base, scores or what they rest on; all else is base's.
    """
    return tuple(_rows(config))


def plan_json(config: Study) -> str:
    """The plan as the report is given it: the study's name, its arms as their modules describe them, and the rows."""
    keys = ("name", "title", "explanation", "pays", "pseudo", "segmentor")
    arms = [{key: getattr(get_arm(name), key) for key in keys} for name in config.run.arms]
    plan = {"study": config.study, "arms": arms, "rows": [asdict(row) for row in plan_rows(config)]}
    return json.dumps(plan, separators=(",", ":"))


def _rows(config: Study) -> Iterator[PlanRow]:
    run, lineage = config.run, Lineage(config)
    places = ((dataset, mix) for dataset in run.datasets for mix in mixes_of(config, dataset))
    for (dataset, mix), seed, variant in product(places, run.seeds, run.variants):
        for arm in _networks_at(config, mix):
            scored, place = Product("evaluate", arm), Place(dataset, mix, seed)
            if lineage.home(scored, place, variant) == variant:
                yield _row(lineage, place, variant, arm)


def _networks_at(config: Study, mix: str) -> Iterator[str | None]:
    """What is evaluated at a mix: the teacher (None), where an arm needs it, and the students of the arms."""
    arms = [get_arm(name) for name in config.run.arms]
    if mix != ORACLE_MIX and any(TEACHER in arm.rules for arm in arms):
        yield None
    yield from (arm.name for arm in arms if arm.trained_at(mix))


def _row(lineage: Lineage, place: Place, variant: str, arm: str | None) -> PlanRow:
    study = lineage.study

    def folder(one: Product) -> str:
        home = lineage.home(one, place, variant)
        return run_folder(study.study, place.dataset, place.mix, place.seed, home)

    here = run_folder(study.study, place.dataset, place.mix, place.seed, variant)
    inside = "teacher" if arm is None else f"students/{arm}"
    measured = arm is not None and _is_measured(study.of_variant(variant), arm)
    shown = f"{folder(Product('quality', arm))}/quality/{arm}" if measured else None
    hidden_truth = place.mix != GIVEN_MIX
    before = lineage.with_all_before(Product("predict_shown" if measured else "evaluate", arm), place, variant)
    homes = {part: folder(one) for one in before if (part := _part(one, arm)) is not None}
    return PlanRow(
        dataset=place.dataset,
        mix=place.mix,
        full_percent=full_percent(study, place.mix),
        seed=place.seed,
        variant=variant,
        arm=TEACHER if arm is None else arm,
        run=here,
        scores=f"{here}/{inside}/scores.json",
        quality=f"{shown}.csv" if shown and hidden_truth else None,
        shown=f"{shown}.shown.json" if shown else None,
        homes={part: home for part, home in homes.items() if home != here},
    )


def _is_measured(study: Study, arm: str) -> bool:
    """Whether an arm's pseudo masks are held against hidden ones: given boxes lead to none."""
    return get_arm(arm).measured and not (get_arm(arm).pseudo == "boxed" and study.box_points.file is not None)


def _part(one: Product, arm: str | None) -> str | None:
    """The name under which a row says where a product lies; None for what no row is asked about."""
    match one:
        case Product("split" | "points" | "box_points", None):
            return one.stage
        case Product("proposals" | "crops", None, None, side):
            return f"{one.stage}/{side}"
        case Product("fold"):
            return "folds"
        case Product("refiner", None):
            return "refiner"
        case Product("pseudo" | "confident_labels" | "oracle_mask" | "box_pseudo", whose) if whose == arm:
            return "pseudo"
        case Product("predict_shown", whose) if whose == arm:
            return "predict_shown"
        case Product("teacher", None) if arm is None:
            return "network"
        case Product("student" | "box_student", whose) if whose == arm:
            return "network"
    return None
