"""Whether the arms of a run were trained and scored on equal terms: a comparison of other settings is none."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from wssis.audit.finding import Finding
from wssis.audit.study_files import StageRecord, StudyFiles
from wssis.audit.values import flat

OF_AN_ARM = ("schedule.", "augmentation.", "supervision")
"""Beginnings of settings that arms may have of their own: length, semi's strong augmentation, learning from points."""
SEED = ("seed",)
COMPARED = ("student", "box_student", "evaluate")
DRAWN = ("split", "points")
TRAINED = ("teacher", "fold", "refiner", "student", "box_student")
"""Stages of a run that have one seed."""


def term_findings(study: StudyFiles) -> Iterator[Finding]:
    """Students, or evaluations, of one run with a setting that the others have otherwise."""
    groups: dict[tuple[Any, ...], list[StageRecord]] = defaultdict(list)
    for record in study.records.values():
        if record.stage in COMPARED:
            groups[record.place.run, record.stage, flat(record.settings).get("network.kind")].append(record)
    for records in groups.values():
        keys = {key for record in records for key in flat(record.settings) if not key.startswith(OF_AN_ARM + SEED)}
        for key in sorted(keys):
            yield from _unequal(records, key, "for other arms of the run: they are not on equal terms")
    for stages in (DRAWN, TRAINED):
        for records in _by_run(study, stages).values():
            yield from _unequal(records, *SEED, "for other stages of the run")


def _by_run(study: StudyFiles, stages: Sequence[str]) -> dict[str | None, list[StageRecord]]:
    runs: dict[str | None, list[StageRecord]] = defaultdict(list)
    for record in study.records.values():
        if record.stage in stages:
            runs[record.place.run].append(record)
    return runs


def _unequal(records: Sequence[StageRecord], key: str, elsewhere: str) -> Iterator[Finding]:
    """Where one of several has another value than most have; of two that differ, the later path is named."""
    found = {one.path: repr(flat(one.settings).get(key)) for one in sorted(records, key=lambda one: one.path)}
    usual, _ = Counter(found.values()).most_common(1)[0]
    for path, value in found.items():
        if value != usual:
            yield Finding(path, f"{key} is {value}, and {usual} {elsewhere}", "run it again with the study's settings")
