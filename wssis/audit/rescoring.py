"""Scores computed once more from the detections: the one check of an audit that takes an evaluator's time."""

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from tqdm import tqdm

from wssis.audit.contents import DAMAGE
from wssis.audit.finding import Finding
from wssis.audit.study_files import StageRecord, StudyFiles
from wssis.config.segmentor_stages import EvaluateSettings
from wssis.engine.coco_metrics import require, summarise
from wssis.errors import InputError
from wssis.formats.json_file import read_json
from wssis.formats.labels_file import read_labels
from wssis.formats.scores import METRICS, read_scores

EVALUATORS = get_args(EvaluateSettings.model_fields["evaluator"].annotation)
ROUNDING = 1e-6
"""By how much AP may differ: not at all by one evaluator, and by the last digits of a float between two machines."""


def scored(study: StudyFiles) -> list[StageRecord]:
    """The evaluations whose detections, scores and validation masks are all here."""
    found = (record for record in study.records.values() if record.stage == "evaluate" and record.input("val"))
    return [record for record in found if all(map(study.exists, _files(record).values()))]


def rescored_findings(study: StudyFiles) -> Iterator[Finding]:
    """Scores that are not those of their detections, by the evaluator that the manifest names.

    Raises:
        InputError: an evaluator is not installed.
    """
    records = scored(study)
    for name in EVALUATORS:
        if any(_evaluator(record) == name for record in records):
            require(name)
    truth = lru_cache(maxsize=1)(lambda path: read_labels(path, "segmentation"))
    order = sorted(records, key=lambda record: (_files(record)["val"], record.path))
    for record in tqdm(order, desc="scores", disable=None, leave=False):
        files = {name: study.full(path) for name, path in _files(record).items()}
        try:
            said = read_scores(files["scores"])
            found = _scores(record, truth(files["val"]), files["detections"])
            wrong = list(_differing(said, found))
        except (InputError, *DAMAGE) as error:
            wrong = [f"cannot be computed again from its detections ({error})"]
        remedy = f"run {record.stage} again and what follows"
        yield from (Finding(_files(record)["scores"], what, remedy) for what in wrong)


def _files(record: StageRecord) -> dict[str, str]:
    folder = record.path.rpartition("/")[0]
    val = str(record.input("val"))
    return {"scores": f"{folder}/scores.json", "detections": f"{folder}/detections.json", "val": val}


def _scores(record: StageRecord, truth: Mapping[str, Any], detections: Path) -> Mapping[str, Any]:
    if _evaluator(record) not in EVALUATORS:
        raise ValueError(f"its evaluator is {_evaluator(record)!r}")
    return summarise(truth, read_json(detections), record.settings["max_detections"], _evaluator(record))


def _evaluator(record: StageRecord) -> Any:
    return record.settings.get("evaluator", EVALUATORS[0])


def _differing(said: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for metric in METRICS:
        if not _equal(said[metric], found[metric]):
            yield f"{metric} is {said[metric]}; computed again from its detections it is {found[metric]}"
    told, again = ({one["category_id"]: one["AP"] for one in scores["per_class"]} for scores in (said, found))
    if told.keys() != again.keys():
        yield f"has {len(told)} classes; its detections are held against {len(again)}"
    for number in told.keys() & again.keys():
        if not _equal(told[number], again[number]):
            yield f"AP of category {number} is {told[number]}; computed again from its detections it is {again[number]}"


def _equal(one: float | None, other: float | None) -> bool:
    return one is other if None in (one, other) else math.isclose(one or 0, other or 0, abs_tol=ROUNDING)
