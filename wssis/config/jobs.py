"""Every job of a study by name, without building the DAG: for the bill before it runs, and for its state while it does.

What Snakemake starts is decided by rules/*.smk alone; a test holds the two against each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from wssis.arms.arm import Arm
from wssis.arms.registry import get_arm
from wssis.config.locations import data_set_folder
from wssis.config.mixes import ORACLE_MIX
from wssis.config.plan import run_folder, run_mixes
from wssis.config.resolve import Side, resolve
from wssis.config.section import Section
from wssis.config.study import CocoDataset, Study

TRAININGS = ("train_teacher", "train_fold", "train_refiner", "train_student")


@dataclass(frozen=True)
class Job:
    """One job: the rule, the stage behind it, where its manifest will lie, and its coordinates."""

    rule: str
    stage: str
    manifest: str
    dataset: str | None = None
    mix: str | None = None
    seed: str | None = None
    arm: str | None = None
    fold: int | None = None
    side: Side | None = None

    @property
    def folder(self) -> str:
        """Folder of the manifest: of a training, the folder of all its outputs."""
        return self.manifest.rpartition("/")[0]

    def settings(self, study: Study) -> Section:
        """Exactly what the job is given."""
        return resolve(
            study, self.stage, dataset=self.dataset, mix=self.mix, seed=self.seed, arm=self.arm, fold=self.fold,
            side=self.side,
        )  # fmt: skip


def jobs_of(study: Study) -> tuple[Job, ...]:
    """All jobs of a study, in the order of its stages, data set by data set and run by run."""
    jobs: list[Job] = []
    for name in study.run.datasets:
        jobs += _data_set_jobs(study, name)
    for dataset, mix, seed in product(study.run.datasets, run_mixes(study), study.run.seeds):
        jobs += _run_jobs(study, dataset, mix, seed)
    return (*jobs, Job("report", "report", f"results/{study.study}/report/manifest.json"))


def _data_set_jobs(study: Study, name: str) -> Iterator[Job]:
    folder = data_set_folder(study, name)
    first = "prepare" if isinstance(study.datasets[name], CocoDataset) else "generate"
    yield Job(first, first, f"{folder}/prepare.manifest.json", name)
    yield Job("check_images", "check_images", f"{folder}/images.csv.manifest.json", name)


def _run_jobs(study: Study, dataset: str, mix: str, seed: str) -> Iterator[Job]:
    """Jobs of one mix and seed: what its arms need, each once, and then arm by arm."""
    arms = [arm for arm in map(get_arm, study.run.arms) if (arm.mix == ORACLE_MIX) == (mix == ORACLE_MIX)]
    if not arms:
        return
    needed = {stage for arm in arms for stage in arm.rules}
    here, at = run_folder(study.study, dataset, mix, seed), (dataset, mix, seed)
    yield Job("split", "split", f"{here}/split.manifest.json", *at)
    if "points" in needed or any(arm.measured for arm in arms):
        yield Job("points", "points", f"{here}/points.manifest.json", *at)
    if "teacher" in needed:
        yield Job("train_teacher", "teacher", f"{here}/teacher/manifest.json", *at)
        yield Job("evaluate", "evaluate", f"{here}/teacher/evaluate.manifest.json", *at)
    if "proposals" in needed:
        yield Job("propose_weak", "proposals", f"{here}/proposals/weak.json.manifest.json", *at, side="weak")
    if "fold" in needed or ("refiner" in needed and study.refiner.pairs == "crossfit"):
        for k in range(study.refiner.folds):
            yield Job("train_fold", "fold", f"{here}/folds/{k}/manifest.json", *at, fold=k)
    if "refiner" in needed:
        yield from _refiner_jobs(here, at)
    for name in dict.fromkeys(arm.labels for arm in arms if arm.pseudo != "none"):
        yield from _training_set_jobs(here, at, get_arm(name))
    for arm in arms:
        yield from _student_jobs(here, at, arm)


def _refiner_jobs(here: str, at: tuple[str, str, str]) -> Iterator[Job]:
    yield Job("propose_full", "proposals", f"{here}/proposals/full.json.manifest.json", *at, side="full")
    for side in ("full", "weak"):
        yield Job(f"crops_{side}", "crops", f"{here}/crops/{side}.zarr.manifest.json", *at, side=side)
    yield Job("train_refiner", "refiner", f"{here}/refiner/manifest.json", *at)


def _training_set_jobs(here: str, at: tuple[str, str, str], arm: Arm) -> Iterator[Job]:
    """The training set that bears the arm's name: its last rule."""
    if "score_thresholds" in arm.rules:
        table = f"{here}/arms/{arm.name}/thresholds.csv.manifest.json"
        yield Job("score_thresholds", "score_thresholds", table, *at, arm=arm.name)
    stage = arm.rules[-1]
    yield Job(stage, stage, f"{here}/pseudo/{arm.name}.json.manifest.json", *at, arm=arm.name)


def _student_jobs(here: str, at: tuple[str, str, str], arm: Arm) -> Iterator[Job]:
    name = arm.name
    yield Job("train_student", "student", f"{here}/students/{name}/manifest.json", *at, arm=name)
    yield Job("evaluate", "evaluate", f"{here}/students/{name}/evaluate.manifest.json", *at, arm=name)
    if arm.measured:
        yield Job("pseudo_quality", "quality", f"{here}/quality/{name}.csv.manifest.json", *at, arm=name)
        shown = f"{here}/quality/{name}.predictions.json.manifest.json"
        yield Job("predict_shown", "predict_shown", shown, *at, arm=name)
