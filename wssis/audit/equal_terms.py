"""Whether the arms of a run were trained and scored on equal terms: a comparison of other settings is none."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from wssis.audit.finding import Finding
from wssis.audit.study_files import StageRecord, StudyFiles
from wssis.audit.values import flat

OF_AN_ARM = ("schedule.", "augmentation.", "supervision")
"""Beginnings of settings that arms may have of their own: length, semi's strong augmentation, learning from points."""
COMPARED = ("student", "box_student", "evaluate")


def term_findings(study: StudyFiles) -> Iterator[Finding]:
    """Students, or evaluations, of one run with a setting that the others have otherwise."""
    groups: dict[tuple[Any, ...], list[StageRecord]] = defaultdict(list)
    for record in study.records.values():
        if record.stage in COMPARED:
            groups[record.place.run, record.stage, flat(record.settings).get("network.kind")].append(record)
    for records in groups.values():
        yield from _unequal(sorted(records, key=lambda record: record.path))


def _unequal(records: Sequence[StageRecord]) -> Iterator[Finding]:
    """Where one of several has another value than most have; of two that differ, the second is named."""
    settings = {record.path: flat(record.settings) for record in records}
    for key in sorted({key for one in settings.values() for key in one if not key.startswith(OF_AN_ARM)}):
        found = {path: repr(one.get(key)) for path, one in settings.items()}
        usual, _ = Counter(found.values()).most_common(1)[0]
        for path, value in found.items():
            if value != usual:
                what = f"{key} is {value}, and {usual} for other arms of the run: they are not on equal terms"
                yield Finding(path, what, "run the stage again with the settings of the study")
