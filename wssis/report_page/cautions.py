"""What a reader must know before the differences between arms: too few images to measure on, or networks that had
hardly begun to learn. Such a study says nothing of labels, however narrow its intervals are."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from wssis.checking.label_warnings import FEW_IMAGES
from wssis.formats.manifest import read_manifest
from wssis.formats.metrics_file import losses_of
from wssis.report_page import words
from wssis.report_page.plan import TEACHER, PlannedRow
from wssis.report_page.results import ArmResult, Group
from wssis.report_page.training import METRICS

LEARNED = 0.3
"""Share of the first loss under which a SOLOv2 has learned. Trainings on shapes, carparts and pedestrians ended at .06
to .24; nuclei after 120 steps at .40 and .47, with 9 and 2 AP where longer trainings reached 28 and 24."""
AHEAD = 3.0
"""AP by which the teacher, trained on the same masks, shows that the supervised students stopped too early."""


def cautions(groups: Sequence[Group], val: Mapping[str, Any]) -> list[str]:
    """Sentences for the reader of one data set's answer, the gravest first.

    Args:
        groups: those that the answer is about.
        val: counts of the data set, `val_images` and `val_objects` among them.
    """
    few = [_few(val)] if val["val_images"] < FEW_IMAGES else []
    checks = (_unlearned, _unlearned_folds, _teacher_ahead)
    return few + [told for group in groups for check in checks if (told := check(group))]


def _few(val: Mapping[str, Any]) -> str:
    objects = f"{words.count(val['val_objects'])} object{'' if val['val_objects'] == 1 else 's'}"
    return (
        f"All AP here are measured on <b>{words.images(val['val_images'])} with {objects}</b>: too few to tell arms"
        " apart, whatever the intervals say."
    )


def _unlearned(group: Group) -> str | None:
    shares = {arm.arm.title: share for arm in group.students if (share := _loss_share(arm)) is not None}
    late = {title: share for title, share in shares.items() if share > LEARNED}
    if not late:
        return None
    told = ", ".join(f"{title} at {words.percent(share)}" for title, share in late.items())
    return (
        f"<b>Some students had hardly learned when their training stopped</b> ({group.share}: loss of {told} of its"
        f" first value; trainings that have learned end below {words.percent(LEARNED)}): train longer before you read"
        " their differences."
    )


def _unlearned_folds(group: Group) -> str | None:
    """Fold teachers, which make the rough masks that the refiner learns from."""
    refined = next((arm for arm in group.students if arm.arm.pseudo == "refined"), None)
    if refined is None:
        return None
    metrics = {f"{k} ({seed})": path for seed, one in refined.seeds.items() for k, path in fold_metrics(one.row)}
    shares = {name: loss_share(path) for name, path in metrics.items()}
    late = ", ".join(f"{name} at {words.percent(share)}" for name, share in shares.items() if share > LEARNED)
    if not late:
        return None
    return (
        f"<b>A fold teacher had hardly learned</b> ({group.share}: loss of fold teacher {late} of its first value), and"
        " the refiner learned from its rough masks: train the teachers longer, or try <code>refiner: {pairs:"
        " corrupt}</code>, which needs no fold teachers."
    )


def fold_metrics(row: PlannedRow) -> list[tuple[str, Path]]:
    """Number and metrics of each fold teacher behind an arm's refiner; none with other pairs."""
    made_by = read_manifest(row.folder("proposals/full") / "proposals/full.json.manifest.json")["inputs"]
    numbers = sorted(name.removeprefix("fold") for name in made_by if name.startswith("fold"))
    return [(k, row.folder("folds") / f"folds/{k}" / METRICS) for k in numbers]


def _teacher_ahead(group: Group) -> str | None:
    teacher, best = group.arms.get(TEACHER), group.baseline
    if teacher is None or best is None or None in (teacher.mean("AP"), best.mean("AP")):
        return None
    if teacher.mean("AP") - best.mean("AP") <= AHEAD:
        return None
    return (
        f"The teacher, which has the same masks as {best.arm.title}, is ahead of it ({group.share}:"
        f" {words.number(teacher.mean('AP'))} and {words.number(best.mean('AP'))} AP): <b>the students' training is too"
        " short</b>, and the differences between them are those of trainings that stopped early."
    )


def _loss_share(arm: ArmResult) -> float | None:
    """Mean loss over the last tenth of a training, as a share of the first: the largest of all seeds; None of imported
    weights and of other networks, whose losses start elsewhere."""
    trained = [result for result in arm.seeds.values() if result.iterations is not None]
    if arm.arm.segmentor != "solov2":
        return None
    return max((loss_share(result.row.network / METRICS) for result in trained), default=None)


def loss_share(path: Path) -> float:
    """Mean loss over the last tenth of the lines of a metrics.jsonl, as a share of the first line's."""
    lines = path.read_text(encoding="utf-8").splitlines()
    last = lines[-max(1, len(lines) // 10) :]
    return mean(_loss(line) for line in last) / _loss(lines[0])


def _loss(line: str) -> float:
    return sum(losses_of(json.loads(line)).values())
