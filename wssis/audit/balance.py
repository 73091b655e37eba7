"""Whether the artifacts of a study add up, manifest by manifest."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from wssis.audit.arm_checks import check_boxes
from wssis.audit.checker import Checker, until_unknown
from wssis.audit.coco_facts import CocoFacts, groups_in
from wssis.audit.confident_checks import check_confident, check_thresholds
from wssis.audit.contents import Facts
from wssis.audit.finding import Finding
from wssis.audit.given_checks import check_points_given, check_shown, check_split_given, check_taken
from wssis.audit.label_checks import (
    check_box_points,
    check_images,
    check_points,
    check_prepared,
    check_split,
    check_warnings,
)
from wssis.audit.mask_checks import check_crops, check_proposals, check_pseudo, check_quality
from wssis.audit.study_files import StudyFiles
from wssis.formats.split import assign_folds


def _teacher(check: Checker) -> Iterator[Finding]:
    """Counts of a teacher's training set."""
    full = check.of("full")
    yield from check.counts({"images": len(full.images), "objects": len(full.id)})


def _student(check: Checker) -> Iterator[Finding]:
    """Counts of what a student was trained on: a training set, and boxes with points where its arm trains on them."""
    given = _parts(check, "training_set", "box_points")
    boxes = _parts(check, "box_points")
    yield from check.counts({
        "images": sum(len(one.images) for one in given), "objects": sum(len(one.id) for one in given),
        "unmasked": int((~given[0].masked).sum()),
        **({"boxes": len(boxes[0].id), "points": boxes[0].labels.total()} if boxes else {}),
    })  # fmt: skip
    yield from check_boxes(check)


def _box_trained(check: Checker) -> Iterator[Finding]:
    """Counts of what a box network was trained on: masks, and boxes with points where its arm pays for them."""
    given = _parts(check, "full", "box_points")
    yield from check.counts({
        "images": sum(len(one.images) for one in given), "objects": sum(len(one.id) for one in given),
        "masks": sum(int(one.masked.sum()) for one in given), "points": sum(one.labels.total() for one in given),
    })  # fmt: skip
    yield from check_boxes(check)


def _parts(check: Checker, *names: str) -> list[CocoFacts]:
    """Those of the inputs that there are."""
    return [check.of(name) for name in names if check.record.input(name) is not None]


def _fold(check: Checker) -> Iterator[Finding]:
    full, settings = check.of("full"), check.record.settings
    fold = assign_folds(full.images, settings["folds"], settings["seed"], groups_in(full, settings))
    kept = np.array(sorted(image for image, its in fold.items() if its != settings["fold"]), np.int64)
    yield from check.counts({"images": len(kept), "objects": int(np.isin(full.image_id, kept).sum())})


def _refiner(check: Checker) -> Iterator[Finding]:
    table = check.of("crops")["table"]
    yield from check.counts({"pairs": len(table), "objects": len(pd.unique(table.point_id))})


CHECKS: dict[str, Callable[[Checker], Iterator[Finding]]] = {
    "prepare": check_prepared,
    "generate": check_prepared,
    "check_images": check_images,
    "data_warnings": check_warnings,
    "split": check_split,
    "points": check_points,
    "box_points": check_box_points,
    "proposals": check_proposals,
    "crops": check_crops,
    "pseudo": check_pseudo,
    "oracle_mask": check_pseudo,
    "box_pseudo": check_pseudo,
    "score_thresholds": check_thresholds,
    "confident_labels": check_confident,
    "quality": check_quality,
    "take_given": check_taken,
    "split_given": check_split_given,
    "points_given": check_points_given,
    "show_given": check_shown,
    "teacher": _teacher,
    "student": _student,
    "box_student": _box_trained,
    "fold": _fold,
    "refiner": _refiner,
}


def balance_findings(study: StudyFiles, facts: Facts) -> Iterator[Finding]:
    """What does not add up, manifest by manifest."""
    for record in study.records.values():
        check = CHECKS.get(record.stage)
        if check is not None:
            yield from until_unknown(record, check(Checker(study, record, facts)))
