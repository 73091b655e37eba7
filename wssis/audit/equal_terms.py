"""Whether the arms of a run were trained and scored on equal terms: a comparison of other settings is none."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
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
    settings = {path: flat(record.settings) for path, record in study.records.items()}
    shown = _shown(study)
    arms = "for other arms of the run: they are not on equal terms"
    for paths in _grouped(study, COMPARED, lambda one: (one.stage, settings[one.path].get("network.kind"))):
        own = {path: settings[path] for path in paths}
        for key in sorted({key for one in own.values() for key in one if not key.startswith(OF_AN_ARM)} - {SEED}):
            yield from _unequal(own, key, arms, shown)
    for stages in (DRAWN, TRAINED):
        for paths in _grouped(study, stages, lambda one: None):
            yield from _unequal({path: settings[path] for path in paths}, SEED, "for other stages of the run", shown)


def _grouped(
    study: StudyFiles, stages: Collection[str], kind: Callable[[StageRecord], Hashable]
) -> Iterable[list[str]]:
    """Sorted paths of the manifests of some stages, by run and kind."""
    groups: dict[tuple[Hashable, ...], list[str]] = defaultdict(list)
    for path, record in sorted(study.records.items()):
        if record.stage in stages:
            groups[record.place.run, kind(record)].append(path)
    return groups.values()


def _shown(study: StudyFiles) -> set[str]:
    """Manifests of the trainings and evaluations whose scores the report shows, and of all that precedes students."""
    report = study.records.get(REPORTED)
    read = {one.path for one in report.inputs} if report is not None else set()
    return {
        path for path, record in study.records.items()
        if record.stage not in COMPARED or f"{path.rpartition('/')[0]}/scores.json" in read
    }  # fmt: skip


def _unequal(
    settings: Mapping[str, Mapping[str, Any]], key: str, elsewhere: str, shown: Collection[str]
) -> Iterator[Finding]:
    """Where one of several has another value than most have; of two that differ, the later path is named.

    settings: by manifest, flat. shown: manifests whose difference is a fault, and whose values say what is usual.
    """
    # Settings that were added later stand in no manifest while they have their default.
    found = {path: repr(one[key]) if key in one else "its default" for path, one in settings.items()}
    telling = [value for path, value in found.items() if path in shown] or list(found.values())
    usual, _ = Counter(telling).most_common(1)[0]
    for path, value in found.items():
        if value != usual:
            remedy = "run it again with the study's settings"
            if path not in shown:
                remedy = "none needed, if its arm is no longer in the study; else the command that runs it goes on"
            yield Finding(path, f"{key} is {value}, and {usual} {elsewhere}", remedy, fault=path in shown)
