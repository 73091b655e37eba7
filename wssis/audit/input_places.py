"""Where in its study every input of a stage lies: what was read from anywhere else is another file."""

import re
from collections.abc import Iterator, Mapping

from wssis.arms.arm import Arm
from wssis.arms.registry import arms
from wssis.audit.finding import Finding
from wssis.audit.places import Place, place_of
from wssis.audit.report_inputs import report_input_findings
from wssis.audit.study_files import StageRecord, StudyFiles

OR = " or "
"""Between two places that are both right."""
LABELS = {"train": "train.json", "split": "split.csv", "full": "full.json"}
TABLE = {"images_table": "images.csv"}
OF_DATA_SET = ("train.json", "val.json", "given.csv", "images.csv")
"""Places below a data set; all others are below a run."""
ALWAYS: Mapping[str, Mapping[str, str]] = {
    "check_images": {"train": "train.json", "val": "val.json"},
    "split": {"train": "train.json"},
    "split_given": {"train": "train.json", "given": "given.csv"},
    "points": LABELS,
    "points_given": LABELS,
    "box_points": {"train": "train.json", "split": "split.csv"},
    "teacher": {"full": "full.json", **TABLE},
    "fold": {"full": "full.json", **TABLE},
    "proposals": {"annotations": "{side}.json", **TABLE},
    "crops": {"proposals": "{round}proposals/{side}.json", "median_boxes_from": "full.json", **TABLE},
    "refiner": {"crops": "{round}crops/full.zarr"},
    "pseudo": {"full": "full.json", "weak": "weak.json", "proposals": "{arm_round}proposals/weak.json"},
    "oracle_mask": {"train": "train.json", "full": "full.json", "weak": "weak.json", "hidden_ids": "hidden_ids.csv"},
    "score_thresholds": {"full": "full.json", **TABLE},
    "confident_labels": {
        "full": "full.json", "split": "split.csv", "thresholds": "arms/{arm}/thresholds.csv",
        "teacher": "teacher/model.safetensors", **TABLE,
    },
    "box_pseudo": {
        "full": "full.json", "box_points": "box_points.json", "model": "students/{teacher}/model.safetensors", **TABLE,
    },
    "student": {"training_set": "{training_set}", **TABLE},
    "box_student": TABLE,
    "evaluate": {"model": "{folder}/model.safetensors", "val": "val.json", **TABLE},
    "quality": {"train": "train.json", "weak": "{weak}", "hidden_ids": "{hidden_ids}", "pseudo": "{training_set}"},
    "show_given": {"weak": "weak.json", "pseudo": "{training_set}"},
    "predict_shown": {"model": "students/{arm}/model.safetensors", "shown": "quality/{arm}.shown.json", **TABLE},
}  # fmt: skip
"""Stage -> name of an input that it always has -> its place below its run, or its data set.

{side} is full or weak, {arm} the arm that the manifest's place names, {training_set}, {teacher}, {weak} and
{hidden_ids} that arm's, {arm_round} the folder of its proposals and crops, {round} that of the manifest's, {folder} the
manifest's own.
"""
REFINED = {
    "crops": "{arm_round}crops/weak.zarr",
    "refiner": f"{{arm_round}}refiner/model.safetensors{OR}refiner/model.safetensors",
}
"""Further inputs of `pseudo` where its masks are refined. A second round takes the first one's refiner where no network
had a part in its pairs."""
SOMETIMES: Mapping[str, Mapping[str, str]] = {
    "proposals": {"full_points": "full_points.csv"},
    "crops": {"targets": "full.json"},
    "student": {"box_points": "box_points.json"},
    "box_student": {"full": "full.json", "box_points": "box_points.json"},
    "quality": {"proposals": "{arm_round}proposals/weak.json"},
    "show_given": {
        "proposals": "{arm_round}proposals/weak.json", "full": "full.json",
        "pairs": f"{{arm_round}}proposals/full.json{OR}proposals/full.json",
    },
}  # fmt: skip
"""As above, of inputs that a stage has by its settings, or its arm."""
PREDICT = ("proposals", "score_thresholds")
"""Stages with networks as inputs, each under the name by which the outputs know it."""


def input_findings(study: StudyFiles) -> Iterator[Finding]:
    """Inputs that are missing, lie elsewhere than the workflow has them, or outside of the study."""
    if not any(one.path for record in study.records.values() for one in record.inputs):
        return  # Too little is here to tell where the study's folder was.
    for record in study.records.values():
        inputs = {one.name: one for one in record.inputs}
        for name, rest in _expected(record).items():
            one = inputs.get(name)
            if one is not None and (place_of(one.path).rest in rest.split(OR) if one.path is not None else one.managed):
                continue  # What another study made is told with the chains.
            what = f"has no input {name}" if one is None else f"input {name} is {one.path or one.recorded}"
            yield Finding(record.path, f"{what}; here it is {rest} of the {_around(rest)}", _remedy(record))
        if record.stage == "report":
            yield from report_input_findings(record)


def _around(rest: str) -> str:
    return "data set" if rest in OF_DATA_SET else "run"


def _remedy(record: StageRecord) -> str:
    return f"run {record.stage} again by the workflow, and what follows"


def _expected(record: StageRecord) -> dict[str, str]:
    """Name -> place of the inputs that a manifest must have; what cannot be told of it is left out."""
    given = {one.name for one in record.inputs}
    wanted = dict(ALWAYS.get(record.stage, {}))
    wanted |= {name: rest for name, rest in SOMETIMES.get(record.stage, {}).items() if name in given}
    if record.stage in PREDICT:
        wanted |= {name: rest for name in given if (rest := predictor_place(record.place, name)) is not None}
    if record.stage == "pseudo" and record.settings.get("masks") == "refined":
        wanted |= REFINED
    known = {name: value for name, value in _words(record).items() if value is not None}
    found = {}
    for name, pattern in wanted.items():
        try:
            found[name] = OR.join(dict.fromkeys(pattern.format_map(known).split(OR)))
        except KeyError:  # The manifest lies where none does, or is of an arm that this version does not know.
            continue
    return found


def _words(record: StageRecord) -> dict[str, str | None]:
    place = record.place
    stem = place.rest.rpartition("/")[2].partition(".")[0]
    name = place.student or stem
    arm: Arm | None = arms().get(name)
    return {
        "side": stem if stem in ("full", "weak") else None,
        "arm": name,
        "training_set": None if arm is None else arm.training_set,
        "arm_round": None if arm is None else arm.round,
        "teacher": None if arm is None else arm.teacher,
        **({} if arm is None else _weak_labels(arm)),
        "round": _round(place),
        "folder": place.rest.rpartition("/")[0],
    }


def predictor_place(place: Place, name: str) -> str | None:
    """Where in its run the network lies that predicts under a name, for a manifest of that place; None for the name of
    another kind of input.
    """
    if name in ("teacher", "student"):
        arm = arms().get(place.arm or "")
        second = arm is not None and arm.teacher is not None
        return f"students/{arm.teacher}/model.safetensors" if second else "teacher/model.safetensors"
    if number := re.fullmatch(r"fold(\d+)", name):
        return f"folds/{number[1]}/model.safetensors"
    return f"teacher/{name}.safetensors" if re.fullmatch(r"snapshot\d+", name) else None


def _weak_labels(arm: Arm) -> dict[str, str]:
    """What its pseudo masks are made for, and the way to the masks that were hidden."""
    boxes = "box_points" in arm.rules
    return {
        "weak": "box_points.json" if boxes else "weak.json",
        "hidden_ids": "box_hidden_ids.csv" if boxes else "hidden_ids.csv",
    }


def _round(place: Place) -> str:
    return "" if place.arm is None else f"arms/{place.arm}/"
