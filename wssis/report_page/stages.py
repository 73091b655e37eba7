"""What the study took, stage by stage, and with which settings: from its manifests."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from wssis.config.resolve import settings_read
from wssis.formats.manifest import read_manifest
from wssis.report_page.plan import Plan
from wssis.report_page.tables import Table, make_table

CODE_DIGITS = 12
DEPTHS = ("*manifest.json", "*/*manifest.json", "*/*/*manifest.json", "*/*/*/*manifest.json")
"""Manifests lie at most this deep in a run's folder; what is deeper are chunks of stores, which are many."""


@dataclass(frozen=True)
class StageRecord:
    """One manifest; `first` if it is of the data set, or of the first seed of its mix and variant."""

    path: Path
    first: bool
    content: Mapping[str, Any]


def study_manifests(plan: Plan, results: Path) -> list[StageRecord]:
    """Every manifest of the data sets and runs of a study, in order of path, data sets first."""
    seeds: dict[tuple[str, str, str], str] = {}
    runs: dict[str, bool] = {}
    for row in plan.rows:
        place = (row.dataset, row.mix, row.variant)
        runs[row.run] = seeds.setdefault(place, row.seed) == row.seed
    datasets = dict.fromkeys(row.dataset for row in plan.rows)
    found = [(path, True) for name in datasets for path in sorted((results / name).glob("*manifest.json"))]
    for run, first in runs.items():
        found += [(path, first) for path in _manifests_of(Path(run))]
    return [StageRecord(path, first, read_manifest(path)) for path, first in found]


def _manifests_of(run: Path) -> list[Path]:
    return sorted(path for depth in DEPTHS for path in run.glob(depth))


def seconds_of_jobs(run: Path) -> dict[str, float]:
    """Seconds of every job of a run, by its manifest's path within the run."""
    return {path.relative_to(run).as_posix(): _seconds(read_manifest(path)) for path in _manifests_of(run)}


def stage_table(records: Sequence[StageRecord]) -> Table:
    """Runs and durations per stage, all seeds; the costliest first."""
    durations: dict[str, list[float]] = {}
    for record in records:
        durations.setdefault(record.content["stage"], []).append(_seconds(record.content))
    total = sum(map(sum, durations.values()))
    lines = [
        (stage, str(len(own)), duration(sum(own)), f"{100 * sum(own) / total:.0f} %" if total else "–",
         duration(median(own)), duration(max(own)))
        for stage, own in sorted(durations.items(), key=lambda item: -sum(item[1]))
    ]  # fmt: skip
    lines.append(("all", str(sum(map(len, durations.values()))), duration(total), "100 %" if total else "–", "", ""))
    head = ("stage", "jobs", "time of all jobs", "share", "median job", "longest job")
    return make_table("stages", "What the study took: wall-clock time of its jobs, stage by stage", head, lines)


def _seconds(content: Mapping[str, Any]) -> float:
    """How long a job took; of a training that was resumed, all its parts."""
    return max(content["duration"], float(content["counts"].get("training_seconds", 0)))


@dataclass(frozen=True)
class StageSettings:
    """What the page shows of one manifest."""

    path: str
    stage: str
    code: str
    duration: str
    settings: str
    counts: str


def stage_settings(records: Sequence[StageRecord]) -> list[StageSettings]:
    """Settings, counts and code of the first seed's manifests."""
    return [_settings_of(record.path, record.content) for record in records if record.first]


def _settings_of(path: Path, content: Mapping[str, Any]) -> StageSettings:
    return StageSettings(
        path=path.as_posix(),
        stage=content["stage"],
        code=content["code"][:CODE_DIGITS],
        duration=duration(_seconds(content)),
        settings=json.dumps(settings_read(content), indent=1, ensure_ascii=False),
        counts=", ".join(f"{key} {value}" for key, value in content["counts"].items()),
    )


def duration(seconds: float) -> str:
    """Seconds in the unit a person would choose.

    >>> duration(0.2), duration(99), duration(600), duration(7200)
    ('0.2 s', '99 s', '10 min', '2.0 h')
    """
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def versions(records: Sequence[StageRecord]) -> dict[str, str]:
    """Package -> every version that wrote something in this study."""
    found: dict[str, set[str]] = {}
    for record in records:
        for name, version in record.content["versions"].items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(own)) for name, own in found.items()}
