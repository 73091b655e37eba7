"""Every job of a study by name, without building the DAG: for the bill before it runs, and for its state while it does.

What Snakemake starts is decided by rules/*.smk alone; a test holds the two against each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from wssis.arms.registry import get_arm
from wssis.config.half_labelled import GIVEN_MIX, HalfLabelledDataset, stage_at
from wssis.config.lineage import Lineage, Place, Product
from wssis.config.locations import data_set_folder
from wssis.config.plan import TEACHER, PlanRow, plan_rows, run_folder
from wssis.config.resolve import Side, resolve
from wssis.config.section import Section
from wssis.config.study import BASE, CocoDataset, ShapesDataset, Study

TRAININGS = ("train_teacher", "train_fold", "train_refiner", "train_student", "train_box_student")
RULES = {
    "teacher": "train_teacher",
    "fold": "train_fold",
    "proposals": "propose_{side}",
    "crops": "crops_{side}",
    "refiner": "train_refiner",
    "student": "train_student",
    "box_student": "train_box_student",
    "quality": "pseudo_quality",
}
"""Rule behind a stage of a run, where it has another name."""
FIRST: dict[type[Section], str] = {
    CocoDataset: "prepare",
    HalfLabelledDataset: "take_given",
    ShapesDataset: "generate",
}
"""Kind of a data set -> the stage that takes or makes it."""
ORDER = (
    "split", "points", "box_points", "teacher", "evaluate", "fold", "proposals", "crops", "refiner", "pseudo",
    "score_thresholds", "confident_labels", "oracle_mask", "box_student", "box_pseudo", "quality", "student",
    "predict_shown",
)  # fmt: skip
ENDS = ("evaluate", "pseudo_quality", "show_given", "predict_shown", "data_warnings")
"""Rules whose outputs the report reads."""


@dataclass(frozen=True)
class Job:
    """One job: the rule, the stage behind it, where its manifest will lie, and its coordinates.

    before: manifests of the jobs whose outputs it reads; of those of its data set, only where it reads no others.
    """

    rule: str
    stage: str
    manifest: str
    dataset: str | None = None
    mix: str | None = None
    seed: str | None = None
    arm: str | None = None
    fold: int | None = None
    side: Side | None = None
    variant: str = BASE
    before: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Folder of the manifest: of a training, the folder of all its outputs."""
        return self.manifest.rpartition("/")[0]

    def settings(self, study: Study) -> Section:
        """Exactly what the job is given."""
        return resolve(
            study, self.stage, dataset=self.dataset, mix=self.mix, seed=self.seed, variant=self.variant, arm=self.arm,
            fold=self.fold, side=self.side,
        )  # fmt: skip


def jobs_of(study: Study) -> tuple[Job, ...]:
    """All jobs of a study, data set by data set and run by run, each run in the order of its stages."""
    jobs: list[Job] = []
    for name in study.run.datasets:
        jobs += _data_set_jobs(study, name)
    rows = plan_rows(study)
    lineage = Lineage(study)
    for place in dict.fromkeys((row.dataset, row.mix, row.seed) for row in rows):
        own = [row for row in rows if (row.dataset, row.mix, row.seed) == place]
        jobs += _run_jobs(lineage, Place(*place), own)
    ends = tuple(job.manifest for job in jobs if job.rule in ENDS)
    return (*jobs, Job("report", "report", f"results/{study.study}/report/manifest.json", before=ends))


def _data_set_jobs(study: Study, name: str) -> Iterator[Job]:
    folder = data_set_folder(study, name)
    first = FIRST[type(study.datasets[name])]
    taken, checked = f"{folder}/prepare.manifest.json", f"{folder}/images.csv.manifest.json"
    yield Job(first, first, taken, name)
    yield Job("check_images", "check_images", checked, name, before=(taken,))
    warnings = f"{folder}/data_warnings.json.manifest.json"
    yield Job("data_warnings", "data_warnings", warnings, name, before=(taken, checked))


def _run_jobs(lineage: Lineage, place: Place, rows: list[PlanRow]) -> Iterator[Job]:
    """Jobs of one data set, mix and seed: of all variants, each once."""
    found: dict[tuple[Product, str], None] = {}
    for row in rows:
        for product in _asked_for(row):
            for one in lineage.with_all_before(product, place, row.variant):
                found.setdefault((one, lineage.home(one, place, row.variant)))
    for product, variant in sorted(found, key=lambda one: ORDER.index(one[0].stage)):
        stage = stage_at(product.stage, place.mix)
        rule = RULES.get(stage, stage).format(side=product.side)
        before = (
            _manifest_at(lineage, one, place, lineage.home(one, place, variant))
            for one in lineage.upstream(product, place, variant)
        )
        taken = f"{data_set_folder(lineage.study, place.dataset)}/prepare.manifest.json"
        yield Job(
            rule, stage, _manifest_at(lineage, product, place, variant), place.dataset, place.mix, place.seed,
            product.arm, product.fold, product.side, variant, tuple(before) or (taken,),
        )  # fmt: skip


def _manifest_at(lineage: Lineage, product: Product, place: Place, variant: str) -> str:
    here = run_folder(lineage.study.study, place.dataset, place.mix, place.seed, variant)
    return f"{here}/{manifest_of(product, place.mix)}"


def _asked_for(row: PlanRow) -> Iterator[Product]:
    """What the report reads of a row."""
    if row.arm == TEACHER:
        yield Product("evaluate")
        return
    yield Product("evaluate", row.arm)
    if row.shown is not None:
        yield Product("predict_shown", row.arm)


def manifest_of(product: Product, mix: str | None = None) -> str:
    """Where a product's manifest lies in the folder of its run, at a mix."""
    arm, stage = product.arm, product.stage
    # Proposals, crops and refiner of an arm are those of its second round.
    around = "" if arm is None else get_arm(arm).round
    match stage:
        case "split" | "points" | "box_points":
            return f"{stage}.manifest.json"
        case "teacher":
            return "teacher/manifest.json"
        case "fold":
            return f"folds/{product.fold}/manifest.json"
        case "proposals":
            return f"{around}proposals/{product.side}.json.manifest.json"
        case "crops":
            return f"{around}crops/{product.side}.zarr.manifest.json"
        case "refiner":
            return f"{around}refiner/manifest.json"
        case "score_thresholds":
            return f"arms/{arm}/thresholds.csv.manifest.json"
        case "pseudo" | "confident_labels" | "oracle_mask" | "box_pseudo":
            return f"pseudo/{arm}.json.manifest.json"
        case "quality":
            return f"quality/{arm}.{'shown.json' if mix == GIVEN_MIX else 'csv'}.manifest.json"
        case "predict_shown":
            return f"quality/{arm}.predictions.json.manifest.json"
        case "student" | "box_student":
            return f"students/{arm}/manifest.json"
        case "evaluate":
            return "teacher/evaluate.manifest.json" if arm is None else f"students/{arm}/evaluate.manifest.json"
    raise ValueError(f"stage {stage!r} is not one of a run")
