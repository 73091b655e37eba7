"""The bill of a study before it runs: jobs, hours and disk per rule, from what earlier runs took.

A training's time is its images (iterations x batch) over the recorded images per second; any other job's time, and its
disk, grow with the number of images it handles. Only runs whose settings decide the same speed count (`Record.fits`),
and their median is taken. Where there is none, the table says so instead of guessing.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from wssis.arms.registry import get_arm
from wssis.config.half_labelled import GIVEN_MIX, HalfLabelledDataset
from wssis.config.jobs import TRAININGS, Job
from wssis.config.mixes import ORACLE_MIX
from wssis.config.resolve import full_percent, mix_of
from wssis.config.section import Section
from wssis.config.study import CocoDataset, Study
from wssis.errors import InputError
from wssis.formats.manifest import read_manifest
from wssis.overview.records import DataSetSize, Record, count_annotations, count_half_labelled
from wssis.overview.table import UNKNOWN, duration, hours, size, table

ON_GPU = (
    *TRAININGS, "propose_full", "propose_weak", "pseudo", "score_thresholds", "confident_labels", "box_pseudo",
    "evaluate",
)  # fmt: skip
"""Rules whose jobs ask for a GPU in profiles/default."""
ONE_SIZE = ("data_warnings", "predict_shown", "report")
"""Rules whose jobs take as long whatever the data set, or whose counts do not tell its size."""
SPARE = 2
"""Retries beyond those that a long training needs: for nodes that fail."""


@dataclass(frozen=True)
class Estimate:
    """One job: whether it is done, and what it takes; None where no earlier run tells."""

    job: Job
    done: bool
    seconds: float | None
    bytes: float | None


def estimates(study: Study, jobs: Sequence[Job], records: Sequence[Record]) -> list[Estimate]:
    """What every job of the study takes."""
    sizes = {name: data_set_size(study, name) for name in study.run.datasets}
    by_stage: dict[str, list[Record]] = {}
    for record in records:
        by_stage.setdefault(record.stage, []).append(record)
    return [_estimate(study, job, by_stage.get(job.stage, []), sizes) for job in jobs]


def data_set_size(study: Study, name: str) -> DataSetSize:
    """Images and objects: as prepared, as the generator's settings say, or counted in the given files."""
    prepared = Path(f"results/{study.study}/{name}/prepare.manifest.json")
    if prepared.is_file():
        counts = read_manifest(prepared)["counts"]
        return DataSetSize(
            counts["train_images"], counts["val_images"], counts["train_objects"],
            counts.get("full_images", 0), counts.get("weak_images", 0),
        )  # fmt: skip
    given = study.datasets[name]
    if isinstance(given, CocoDataset):
        return count_annotations(Path(given.train_annotations), Path(given.val_annotations))
    if isinstance(given, HalfLabelledDataset):
        return count_half_labelled(given)
    return DataSetSize(given.train_images, given.val_images, round(given.train_images * sum(given.objects) / 2))


def _estimate(study: Study, job: Job, records: Sequence[Record], sizes: Mapping[str, DataSetSize]) -> Estimate:
    settings = job.settings(study)
    fitting = [record for record in records if record.fits(settings.model_dump(mode="json"))]
    images = None if job.dataset is None else handled(study, job, sizes[job.dataset])
    if job.rule in TRAININGS:
        seconds, needed = training_seconds(settings, fitting), _scaled(fitting, None, _outputs)
    else:
        seconds, needed = _scaled(fitting, images, lambda one: one.seconds), _scaled(fitting, images, _outputs)
    return Estimate(job, Path(job.manifest).is_file(), seconds, needed)


def _outputs(record: Record) -> float | None:
    return record.outputs


def training_seconds(settings: Section, records: Iterable[Record]) -> float | None:
    """All images of the schedule over the median speed; None if nothing like it was trained, 0 if nothing is."""
    if getattr(settings, "checkpoint", None):
        return 0.0
    speeds = [record.images_per_second for record in records if record.images_per_second]
    return settings.schedule.iterations * settings.optimizer.batch / median(speeds) if speeds else None


def handled(study: Study, job: Job, data: DataSetSize) -> int | None:
    """How many images (for `quality`: points) the job handles; None for a job whose time does not grow with them."""
    if job.rule in ONE_SIZE:
        return None
    if job.mix is None:
        return data.train_images + data.val_images
    if job.rule == "evaluate":
        return data.val_images
    boxed = job.stage == "box_points" or (job.arm is not None and get_arm(job.arm).pseudo == "boxed")
    full, weak = _labelled(study, job.mix, data, boxed)
    match job.stage:
        case "proposals" | "crops":
            return full if job.side == "full" else weak
        case "points" | "points_given" | "box_points":
            return weak
        case "confident_labels":
            return data.train_images - full
        case "score_thresholds":
            return full
        case "quality" | "show_given":
            return round(data.train_objects * weak / max(1, data.train_images))
    return data.train_images


def _labelled(study: Study, mix: str, data: DataSetSize, boxed: bool) -> tuple[int, int]:
    """Images with masks and images with points of a mix, or (boxed) with boxes and points."""
    if mix == GIVEN_MIX:
        return data.full_images, data.weak_images
    full = round(data.train_images * full_percent(study, mix) / 100)
    if mix == ORACLE_MIX:
        return full, 0
    shares = mix_of(study, mix)
    return full, round(data.train_images * (shares.boxed if boxed else shares.point) / 100)


def _scaled(records: Sequence[Record], images: int | None, of: Callable[[Record], float | None]) -> float | None:
    """Median over the records of a quantity, grown in proportion to the images where they are known."""
    if images is None:
        values = [of(record) for record in records]
        known = [value for value in values if value is not None]
    else:
        rates = [(of(record), record.images) for record in records if record.images]
        known = [value * images / count for value, count in rates if value is not None]
    return median(known) if known else None


def bill(found: Sequence[Estimate], job_minutes: float) -> str:
    """The table, and what to know before submitting: how long the longest training is, and how many jobs it takes."""
    rules = list(dict.fromkeys(estimate.job.rule for estimate in found))
    rows = [_row(rule, [one for one in found if one.job.rule == rule]) for rule in rules]
    rows.append(_row("all", found))
    head = ("rule", "jobs", "done", "per job", "GPU hours", "other hours", "disk")
    lines = [table(head, rows), "", "Hours are of the jobs still to do, at the speed that earlier runs recorded."]
    unknown = sorted({one.job.rule for one in found if one.seconds is None and not one.done})
    if unknown:
        lines.append(
            f"{UNKNOWN}: no earlier run with these settings tells about {', '.join(unknown)}; a short one does."
        )
    return "\n".join([*lines, longest(found, job_minutes)])


def _row(name: str, found: Sequence[Estimate]) -> tuple[str, ...]:
    open_jobs = [one for one in found if not one.done]
    gpu = [one for one in open_jobs if one.job.rule in ON_GPU]
    other = [one for one in open_jobs if one.job.rule not in ON_GPU]
    times = [one.seconds for one in found if one.seconds is not None]
    each = duration(median(times)) if times and name != "all" else "" if name == "all" else UNKNOWN
    return (
        name, str(len(found)), str(len(found) - len(open_jobs)), each,
        hours(_sum(one.seconds for one in gpu)) if gpu else "",
        hours(_sum(one.seconds for one in other)) if other else "",
        size(_sum(one.bytes for one in found)),
    )  # fmt: skip


def _sum(values: Iterable[float | None]) -> float | None:
    """The sum, or None where a part is unknown."""
    known = list(values)
    return None if any(value is None for value in known) else sum(value for value in known if value is not None)


def longest(found: Sequence[Estimate], job_minutes: float) -> str:
    """How many jobs the longest training takes, and the retries to allow."""
    trainings = [one for one in found if one.job.rule in TRAININGS and not one.done]
    known = [one for one in trainings if one.seconds is not None]
    if not trainings:
        return "No training is left to do."
    if not known:
        return "How many jobs a training takes is unknown; --retries 5 lets each take six."
    most = max(known, key=lambda one: one.seconds)
    parts = jobs_needed(most.seconds, job_minutes)
    where = most.job.folder.removeprefix("results/")
    takes = f"{duration(most.seconds)}, {parts} job{'s' if parts > 1 else ''} of {duration(job_minutes * 60)}"
    return f"Longest training: {where}, {takes}; retries to allow: snakemake --retries {parts - 1 + SPARE}"


def jobs_needed(seconds: float, job_minutes: float) -> int:
    """How many jobs of that length a training takes, 5 minutes of each lost to starting and saving.

    >>> jobs_needed(3600, 120), jobs_needed(3 * 3600, 60)
    (1, 4)
    """
    useful = job_minutes - 5
    if useful <= 0:
        raise InputError(f"--job-minutes {job_minutes:g}: a job needs more than 5 minutes to get anywhere")
    return max(1, math.ceil(seconds / 60 / useful))
