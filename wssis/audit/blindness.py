"""Whether nothing that trains has seen what it may not see: hidden masks, and points that its arm does not pay for."""

from collections.abc import Iterator

from wssis.audit.arm_checks import arm_of_student
from wssis.audit.finding import Finding
from wssis.audit.study_files import Input, StageRecord, StudyFiles

HIDDEN = ("train.json", "hidden_ids.csv", "box_hidden_ids.csv")
"""Files that tell the masks of weak images."""
MAY_READ_HIDDEN = (
    "check_images", "split", "split_given", "points", "points_given", "box_points", "quality", "oracle_mask",
)  # fmt: skip
"""Stages that may read them: before points and boxes are drawn, and two whose outputs tell of them, too. Half-labelled
data have no hidden masks, and what comes after their points is held to the same."""
TELL_HIDDEN = ("quality", "oracle_mask")
VALIDATION = "val.json"
LOOK_ON = ("evaluate", "predict_shown", "quality", "show_given", "report", "data_warnings")
"""Stages that feed no training."""
MAY_READ_VALIDATION = ("check_images", *LOOK_ON)
MAKERS = ("prepare", "generate", "take_given")
"""Stages that make the checked annotations: of given ones that may be the same, byte by byte."""
MASKS_ALONE = ("teacher", "fold", "score_thresholds", "confident_labels")
"""Stages whose labels are masks alone."""
BOUGHT = {
    "point": (("points", "points_given"), "points"),
    "points10": (("box_points",), "boxes with points"),
}
"""Label kinds that an arm may pay for or do without: the stages that make them, and words for them."""


def blindness_findings(study: StudyFiles) -> Iterator[Finding]:
    """What has seen more than it may, manifest by manifest."""
    labels = {
        kind: _Descent(study, {path for path, record in study.producers.items() if record.stage in stages})
        for kind, (stages, _) in BOUGHT.items()
    }
    telling = {path: record for path, record in study.producers.items() if record.stage in TELL_HIDDEN}
    told = _Descent(study, set(telling))
    secret = (path for path in study.producers if _name(path) in (*HIDDEN, VALIDATION))
    copies = {study.producers[path].outputs[path]: path for path in secret}
    for record in study.records.values():
        remedy = f"run {record.stage} again by the workflow; no result of it counts"
        for one in record.inputs:
            # A copy outside of the study has the content; in it, full.json may have that of train.json: all masks.
            original = one.path if one.path is not None else copies.get(one.sha256)
            if original is None or not _is_refused(record, _name(original)):
                continue
            holds = "validation labels" if _name(original) == VALIDATION else "the hidden masks of weak images"
            where = one.path or f"{one.recorded}, a copy of {original}"
            yield Finding(record.path, f"read {where} (input {one.name}), which holds {holds}", remedy)
        if _may_not_see_hidden(record) and (one := told.input(record)):
            what = f"input {one.name}, {one.path}, was made from hidden masks of weak images"
            yield Finding(record.path, what, remedy)
        for kind, (_, words) in BOUGHT.items():
            if _does_without(record, kind) and (one := labels[kind].input(record)):
                what = f"input {one.name}, {one.path}, was made from {words}, which {record.stage} does without here"
                yield Finding(record.path, what, remedy)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _is_refused(record: StageRecord, name: str) -> bool:
    """Whether a stage may not read a file of that name."""
    if record.stage in MAKERS:
        return False
    if name == VALIDATION:
        return record.stage not in MAY_READ_VALIDATION
    return name in HIDDEN and record.stage not in MAY_READ_HIDDEN


def _may_not_see_hidden(record: StageRecord) -> bool:
    arm = arm_of_student(record)
    return record.stage not in LOOK_ON and not (arm is not None and arm.pseudo == "hidden")


def _does_without(record: StageRecord, kind: str) -> bool:
    arm = arm_of_student(record)
    return record.stage in MASKS_ALONE or (arm is not None and kind not in arm.pays)


class _Descent:
    """Which files descend from some others, by the manifests."""

    def __init__(self, study: StudyFiles, origins: set[str]) -> None:
        self._study, self._known = study, dict.fromkeys(origins, True)

    def input(self, record: StageRecord) -> Input | None:
        """The first input that descends from them."""
        return next((one for one in record.inputs if one.path is not None and self._descends(one.path)), None)

    def _descends(self, path: str) -> bool:
        if path not in self._known:
            self._known[path] = False  # Manifests that lead back to themselves end here.
            record = self._study.producers.get(path)
            self._known[path] = record is not None and self.input(record) is not None
        return self._known[path]
