"""All trainings of a study in one table: waiting, running, saved, finished; step, losses, speed, time left."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wssis.config.jobs import TRAININGS, Job
from wssis.config.study import Study
from wssis.formats.manifest import read_manifest
from wssis.formats.metrics_file import losses_of, parse_metrics
from wssis.overview.table import duration, table

SILENT_LINES = 5
"""A training that has written nothing for as long as so many lines took is called silent."""
SILENT_SECONDS = 120.0
"""But none before this: slow storage and a save of the state take their time, too."""
STOPPED_LINES = 2
"""A training that has saved itself, and since then has written nothing for as long as so many lines took, has stopped:
one that only saves itself in passing goes on writing."""
STOPPED_SECONDS = 10.0


@dataclass(frozen=True)
class Progress:
    """Where one training is.

    Attributes:
        state: waiting (nothing there yet), running, saved (it has stopped after saving itself, at a signal or before
            its job's time was over), silent (no line for long), finished, imported (weights given), outdated (made with
            other settings or from other files than there are now).
        step, steps: done, and in all; 0 done while it waits, and where the state alone knows.
        losses: of the last line.
        images_per_second: of the last line; of a finished one, of the whole training.
        seconds_left: 0 when finished, None while nothing tells.
        age: seconds since the last line, of a training under way.
    """

    job: Job
    state: str
    step: int
    steps: int
    losses: dict[str, float]
    images_per_second: float | None
    seconds_left: float | None
    age: float | None


def trainings(
    study: Study, jobs: Sequence[Job], finished: Collection[str], now: float, saved: Mapping[Job, float] | None = None
) -> list[Progress]:
    """The state of every training of the study, in its order.

    finished: manifests of the finished jobs.
    saved: when trainings saved what they resume from (Unix time).
    """
    times = saved or {}
    return [
        _progress(study, job, job.manifest in finished, now, times.get(job, 0.0))
        for job in jobs
        if job.rule in TRAININGS
    ]


def _progress(study: Study, job: Job, done: bool, now: float, saved: float) -> Progress:
    settings = job.settings(study)
    steps, batch = settings.schedule.iterations, settings.optimizer.batch
    metrics = Path(job.folder) / "metrics.jsonl"
    lines = _lines(metrics)
    losses = losses_of(lines[-1]) if lines else {}
    if done:
        return _finished(job, steps, batch, losses)
    if Path(job.manifest).is_file():
        return Progress(job, "outdated", 0, steps, {}, None, None, None)
    if not lines:  # Snakemake removes what a job that was stopped had written.
        return Progress(job, "saved" if saved else "waiting", 0, steps, {}, None, None, None)
    written = metrics.stat().st_mtime
    step, age, usual = int(lines[-1]["step"]), max(0.0, now - written), _between(lines)
    left = (steps - step) * float(lines[-1]["seconds"]) / step
    state = "running"
    if step < steps and saved > written and now - saved > max(STOPPED_SECONDS, STOPPED_LINES * usual):
        state = "saved"
    elif age > max(SILENT_SECONDS, SILENT_LINES * usual):
        state = "silent"
    return Progress(job, state, step, steps, losses, float(lines[-1]["images_per_second"]), left, age)


def _finished(job: Job, steps: int, batch: int, losses: dict[str, float]) -> Progress:
    counts = read_manifest(Path(job.manifest))["counts"]
    if "imported" in counts:
        return Progress(job, "imported", 0, 0, {}, None, 0.0, None)
    done, seconds = int(counts.get("steps", steps)), float(counts.get("training_seconds", 0.0))
    return Progress(job, "finished", done, done, losses, done * batch / seconds if seconds else None, 0.0, None)


def _lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a metrics.jsonl; the last one may be half written while it is read."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    return parse_metrics(text[: text.rfind("\n") + 1])


def _between(lines: Sequence[dict[str, Any]]) -> float:
    """Seconds of training between the last two lines."""
    return float(lines[-1]["seconds"]) - float(lines[-2]["seconds"]) if len(lines) > 1 else 0.0


def status(found: Sequence[Progress], more: Sequence[str]) -> str:
    """The table, a line that counts the states, and more lines."""
    head = ("training", "state", "losses", "step", "images/s", "left", "last line")
    lines = [table(head, [_row(one) for one in found], left=3), ""]
    counted = [f"{sum(one.state == name for one in found)} {name}" for name in dict.fromkeys(o.state for o in found)]
    lines.append(f"trainings: {', '.join(counted)}" if found else "The study trains nothing.")
    if any(one.state == "saved" for one in found):
        lines.append("saved: stopped, at a signal or before its job's time was over.")
        lines.append("  The command that runs the study goes on from there.")
    if any(one.state == "silent" for one in found):
        lines.append("silent: killed, or stuck. The command that runs the study resumes it from its last save.")
    if any(one.state == "outdated" for one in found):
        lines.append("outdated: made with other settings, or from files that were made anew since.")
        lines.append("  The command that runs the study trains it again; snakemake -n says why.")
    return "\n".join([*lines, *more])


def _row(one: Progress) -> tuple[str, ...]:
    losses = " ".join(f"{name} {value:.3f}" for name, value in one.losses.items())
    done = "?" if one.state == "saved" and not one.step else one.step
    return (
        "/".join(one.job.folder.split("/")[2:]),
        one.state,
        losses,
        f"{done}/{one.steps}" if one.steps else "",
        "" if one.images_per_second is None else f"{one.images_per_second:.1f}",
        "" if one.state in ("finished", "imported") else duration(one.seconds_left),
        "" if one.age is None else f"{duration(one.age)} ago",
    )
