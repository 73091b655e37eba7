"""Whether the arms of a run were trained and scored on equal terms: a comparison of other settings is none."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from wssis.audit.finding import Finding
from wssis.audit.study_files import StageRecord, StudyFiles
from wssis.audit.values import flat

REPORTED = "report/manifest.json"
OF_AN_ARM = ("schedule.", "augmentation.", "supervision")
"""Beginnings of settings that arms may have of their own: length, semi's strong augmentation, learning from points."""
SEED = "seed"
COMPARED = ("student", "box_student", "evaluate")
DRAWN = ("split", "points")
TRAINED = ("teacher", "fold", "refiner", "student", "box_student")
"""Stages of a run that have one seed."""


def term_findings(study: StudyFiles) -> Iterator[Finding]:
    """Students, or evaluations, of one run with a setting that the others have otherwise.

    Faults among what the report shows: an arm that has left the study, or a rerun under way, may be on older terms.
    """
    shown = _shown(study)
    groups: dict[tuple[Any, ...], list[StageRecord]] = defaultdict(list)
    for record in study.records.values():
        if record.stage in COMPARED:
            groups[record.place.run, record.stage, flat(record.settings).get("network.kind")].append(record)
    for records in groups.values():
        keys = {key for record in records for key in flat(record.settings)}
        for key in sorted(key for key in keys if key != SEED and not key.startswith(OF_AN_ARM)):
            yield from _unequal(records, key, "for other arms of the run: they are not on equal terms", shown)
    for stages in (DRAWN, TRAINED):
        for records in _by_run(study, stages).values():
            yield from _unequal(records, SEED, "for other stages of the run", shown)


def _shown(study: StudyFiles) -> set[str]:
    """Manifests of the trainings and evaluations whose scores the report shows, and of all that precedes students."""
    report = study.records.get(REPORTED)
    read = {one.path for one in report.inputs} if report is not None else set()
    return {
        path for path, record in study.records.items()
        if record.stage not in COMPARED or f"{path.rpartition('/')[0]}/scores.json" in read
    }  # fmt: skip


def _by_run(study: StudyFiles, stages: Sequence[str]) -> dict[str | None, list[StageRecord]]:
    runs: dict[str | None, list[StageRecord]] = defaultdict(list)
    for record in study.records.values():
        if record.stage in stages:
            runs[record.place.run].append(record)
    return runs


def _unequal(records: Sequence[StageRecord], key: str, elsewhere: str, shown: Collection[str]) -> Iterator[Finding]:
    """Where one of several has another value than most have; of two that differ, the later path is named.

    shown: manifests whose difference is a fault, and whose values say what is usual.
    """
    found = {one.path: _value(one, key) for one in sorted(records, key=lambda one: one.path)}
    telling = [value for path, value in found.items() if path in shown] or list(found.values())
    usual, _ = Counter(telling).most_common(1)[0]
    for path, value in found.items():
        if value != usual:
            remedy = "run it again with the study's settings"
            if path not in shown:
                remedy = "none needed, if its arm is no longer in the study; else the command that runs it goes on"
            yield Finding(path, f"{key} is {value}, and {usual} {elsewhere}", remedy, fault=path in shown)


def _value(record: StageRecord, key: str) -> str:
    """A setting as it is told; those that were added later stand in no manifest while they have their default."""
    settings = flat(record.settings)
    return repr(settings[key]) if key in settings else "its default"
