"""The bill of a study before it runs: jobs, hours and disk per rule, from what earlier runs took.

A training's time is its images (iterations x batch) over the recorded images per second; any other job's time, and its
disk, grow with the number of images it handles. Only runs whose settings decide the same speed count (`Record.fits`),
and their median is taken. Trainings of the same network, SOLOv2, tell of each other: where none of the very stage with
the same batch is recorded, the time is marked as an estimate. Where there is nothing, the bill says so, and what to do.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from textwrap import fill
from typing import Any

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
"""Rules whose jobs ask for a GPU in profiles/default, but for those that `_asks_gpu` leaves out."""
SOLOV2 = ("teacher", "fold", "student")
"""Stages that train the same network in the same way, on other images."""
NETWORKS = {"teacher": 3}
"""Networks that a training leaves, where it is more than one: the teacher's snapshots."""
ROUGHLY = "~"
ONE_SIZE = ("data_warnings", "predict_shown", "report")
"""Rules whose jobs take as long whatever the data set, or whose counts do not tell its size."""
SPARE = 2
"""Retries beyond those that a long training needs: for nodes that fail."""


@dataclass(frozen=True)
class Estimate:
    """One job: whether it is done, and what it takes; None where no earlier run tells.

    rough: the seconds are from a training of another stage, or with another batch, precision or number of threads.
    gpu: a run that tells was on a GPU.
    asks_gpu: the job asks for one in profiles/default.
    """

    job: Job
    done: bool
    seconds: float | None
    bytes: float | None
    rough: bool = False
    gpu: bool = False
    asks_gpu: bool = False


def estimates(
    study: Study, jobs: Sequence[Job], finished: Collection[str], records: Sequence[Record]
) -> list[Estimate]:
    """What every job of the study takes; finished: manifests of the finished jobs."""
    sizes = {name: data_set_size(study, name) for name in study.run.datasets}
    by_stage: dict[str, list[Record]] = {}
    for record in records:
        by_stage.setdefault(record.stage, []).append(record)
    return [_estimate(study, job, job.manifest in finished, by_stage, sizes) for job in jobs]


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


def _estimate(
    study: Study, job: Job, done: bool, by_stage: Mapping[str, Sequence[Record]], sizes: Mapping[str, DataSetSize]
) -> Estimate:
    settings = job.settings(study)
    values = settings.model_dump(mode="json")
    asks_gpu = _asks_gpu(job, values)
    if job.rule in TRAININGS:
        stages = (job.stage, *(stage for stage in SOLOV2 if job.stage in SOLOV2 and stage != job.stage))
        fitting = [one for stage in stages for one in by_stage.get(stage, ()) if one.fits(values)]
        speed, rough = _speed(job.stage, values, fitting)
        gpu = any(one.gpu for one in fitting)
        seconds = training_seconds(settings, speed)
        return Estimate(job, done, seconds, _training_bytes(job.stage, fitting), rough, gpu, asks_gpu)
    fitting = [one for one in by_stage.get(job.stage, ()) if one.fits(values)]
    images = None if job.dataset is None else handled(study, job, sizes[job.dataset])
    seconds = _scaled(fitting, images, lambda one: one.seconds)
    made = _scaled(fitting, images, lambda one: one.outputs)
    return Estimate(job, done, seconds, made, asks_gpu=asks_gpu)


def _asks_gpu(job: Job, settings: Mapping[str, Any]) -> bool:
    """Whether a network is in the job: not where true masks are corrupted, nor where an arm keeps its masks rough."""
    if job.rule == "propose_full":
        return settings["pairs"] != "corrupt"
    if job.rule == "pseudo":
        return job.arm is not None and get_arm(job.arm).pseudo == "refined"
    return job.rule in ON_GPU


def _speed(stage: str, settings: Mapping[str, Any], records: Sequence[Record]) -> tuple[float | None, bool]:
    """Images per second of the likest of the trainings that fit, and whether anything that matters was different."""
    known = [one for one in records if one.images_per_second]
    at_pace = [one for one in known if one.keeps_pace(settings)]
    same = [one for one in at_pace if one.stage == stage]
    likest = same or at_pace or known
    speeds = [one.images_per_second for one in likest if one.images_per_second]
    return (median(speeds), not same) if speeds else (None, False)


def training_seconds(settings: Section, images_per_second: float | None) -> float | None:
    """All images of the schedule at that speed; None if it is unknown, 0 if nothing is trained."""
    if getattr(settings, "checkpoint", None):
        return 0.0
    images = settings.schedule.iterations * settings.optimizer.batch
    return images / images_per_second if images_per_second else None


def _training_bytes(stage: str, records: Sequence[Record]) -> float | None:
    """Median size of one network, of this stage where one is recorded, times the networks that the stage leaves."""
    known = [one for one in records if one.outputs is not None]
    likest = [one for one in known if one.stage == stage] or known
    sizes = [one.outputs / NETWORKS.get(one.stage, 1) for one in likest if one.outputs is not None]
    return NETWORKS.get(stage, 1) * median(sizes) if sizes else None


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


def bill(found: Sequence[Estimate], job_minutes: float, configfiles: Sequence[Path] = ()) -> str:
    """The table, and what to know before submitting: how long the longest training is, and how many jobs it takes.

    configfiles: those of the study, for the command that gets figures where there are none.
    """
    gpu = any(one.gpu for one in found)
    rules = list(dict.fromkeys(estimate.job.rule for estimate in found))
    rows = [_row(rule, [one for one in found if one.job.rule == rule], gpu) for rule in rules]
    rows.append(_row("all", found, gpu))
    head = ("rule", "jobs", "done", "per job", *(("GPU hours", "other hours") if gpu else ("hours",)), "disk")
    lines = [table(head, rows), "", "Hours are of the jobs still to do, at the speed that earlier runs recorded."]
    if any(one.rough and not one.done for one in found):
        lines.append(f"{ROUGHLY}: an estimate, from the same network in another stage, batch, precision, or threads.")
    return "\n".join([*lines, *_what_to_do(found, configfiles), longest(found, job_minutes)])


def _what_to_do(found: Sequence[Estimate], configfiles: Sequence[Path]) -> Iterator[str]:
    """How to get figures for the rules that have none: run one job, of the rule that tells most."""
    unknown = [one for one in found if one.seconds is None and not one.done]
    if not unknown:
        return
    names = ", ".join(sorted({one.job.rule for one in unknown}))
    trainings = [one for one in unknown if one.job.rule in TRAININGS]
    first = next((one for one in trainings if one.job.stage == "fold"), (trainings or unknown)[0]).job
    given = f" --configfile {' '.join(map(str, configfiles))}" if configfiles else ""
    yield fill(f"{UNKNOWN}: nothing like it was run yet, and no sum has it: {names}.", 110, subsequent_indent="  ")
    yield "To get figures, run one job, which the study then need not run again, and wssis plan once more:"
    yield f"  snakemake --cores all {first.manifest}{given}"
    yield "Or all stages with short trainings, as a study of another name: docs/study.md, The bill."


def _row(name: str, found: Sequence[Estimate], split: bool) -> tuple[str, ...]:
    """split: hours of the jobs that ask for a GPU apart from the others'."""
    open_jobs = [one for one in found if not one.done]
    on_gpu = [one for one in open_jobs if one.asks_gpu]
    other = [one for one in open_jobs if not one.asks_gpu]
    times = [one.seconds for one in found if one.seconds is not None]
    rough = any(one.rough for one in found if one.seconds is not None)
    each = f"{ROUGHLY if rough else ''}{duration(median(times))}" if times else UNKNOWN
    return (
        name, str(len(found)), str(len(found) - len(open_jobs)), "" if name == "all" else each,
        *map(_hours, (on_gpu, other) if split else (open_jobs,)), _summed([one.bytes for one in found], size),
    )  # fmt: skip


def _hours(jobs: Sequence[Estimate]) -> str:
    if not jobs:
        return ""
    text = _summed([one.seconds for one in jobs], hours)
    return f"{ROUGHLY}{text}" if text != UNKNOWN and any(one.rough for one in jobs) else text


def _summed(values: Sequence[float | None], words: Callable[[float | None], str]) -> str:
    """The sum in words, with a mark where it leaves out unknown parts; unknown where it leaves out all.

    >>> [_summed(values, hours) for values in ([3600, 7200], [3600, None], [None, None])]
    ['3.00', '1.00+?', '?']
    """
    known = [value for value in values if value is not None]
    if not known:
        return UNKNOWN
    return words(sum(known)) + (f"+{UNKNOWN}" if len(known) < len(values) else "")


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
    length = f"{ROUGHLY if most.rough else ''}{duration(most.seconds)}"
    takes = f"{length}, {parts} job{'s' if parts > 1 else ''} of {duration(job_minutes * 60)}"
    return f"Longest training: {where}, {takes}; retries to allow: snakemake --retries {parts - 1 + SPARE}"


def jobs_needed(seconds: float, job_minutes: float) -> int:
    """How many jobs of that length a training takes, 5 minutes of each lost to starting and saving.

    >>> jobs_needed(3600, 120), jobs_needed(3 * 3600, 60)
    (1, 4)
    """
    return max(1, math.ceil(seconds / 60 / useful_minutes(job_minutes)))


def useful_minutes(job_minutes: float) -> float:
    """What is left of a job for its training.

    Raises:
        InputError: nothing, or it is no finite number.
    """
    useful = job_minutes - 5
    if not 0 < useful < math.inf:
        raise InputError(f"--job-minutes {job_minutes:g}: a job needs more than 5 minutes to get anywhere; correct it")
    return useful
