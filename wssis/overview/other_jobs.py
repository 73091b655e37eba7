"""The jobs of a study other than trainings, in a line, and the time that is left of the whole study.

What is running, Snakemake alone knows. What has all before it finished can run.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from wssis.config.jobs import TRAININGS, Job
from wssis.overview.bill import Estimate
from wssis.overview.progress import Progress
from wssis.overview.table import duration

NAMED = 4
"""Jobs that are named, at most."""


def other_jobs(jobs: Sequence[Job], finished: Collection[str], now: float) -> Iterator[str]:
    """Lines: finished jobs and the latest of them, those that run or can, and those that wait for others.

    finished: manifests of the finished jobs.
    """
    others = [job for job in jobs if job.rule not in TRAININGS]
    done = [job for job in others if job.manifest in finished]
    ready = [job for job in others if job.manifest not in finished and all(one in finished for one in job.before)]
    waiting = len(others) - len(done) - len(ready)
    yield f"other jobs: {len(done)} of {len(others)} finished, {len(ready)} running or ready to run, {waiting} waiting"
    if done:
        last = max(done, key=lambda job: Path(job.manifest).stat().st_mtime)
        age = max(0.0, now - Path(last.manifest).stat().st_mtime)
        yield f"  last finished: {_name(last)}, {duration(age)} ago"
    if ready:
        more = f", and {len(ready) - NAMED} more" if len(ready) > NAMED else ""
        yield f"  running or ready to run: {', '.join(map(_name, ready[:NAMED]))}{more}"


def _name(job: Job) -> str:
    where = "/".join(part for part in (job.dataset, job.mix, job.seed) if part)
    about = next((f" {one}" for one in (job.arm, job.variant if job.variant != "base" else None) if one), "")
    return f"{job.rule}{about}{f' of {where}' if where else ''}"


def time_left(estimated: Sequence[Estimate], trainings: Sequence[Progress]) -> str:
    """The time of all jobs that are not finished, one after another; and how many of them nothing tells about."""
    left = {one.job.manifest: one.seconds_left for one in trainings if one.seconds_left is not None}
    jobs = [one for one in estimated if not one.done]
    seconds = [left.get(one.job.manifest, one.seconds) for one in jobs]
    known = [one for one in seconds if one is not None]
    if not jobs:
        return "time left: none, all is finished"
    if not known:
        return "time left: unknown; wssis plan says how to get figures"
    unknown = f", and {len(jobs) - len(known)} jobs of unknown length" if len(known) < len(jobs) else ""
    return f"time left: about {duration(sum(known))}, if jobs run one after another{unknown}"
