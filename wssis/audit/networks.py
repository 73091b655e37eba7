"""Whether checkpoints, metrics and scores are what their manifests say."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from wssis.audit.checker import Checker, until_unknown
from wssis.audit.contents import Facts, metadata_of
from wssis.audit.finding import Finding, some
from wssis.audit.report_tables import report_findings
from wssis.audit.study_files import StudyFiles
from wssis.formats.scores import METRICS

KINDS = {"teacher": "solov2", "fold": "solov2", "student": "solov2", "refiner": "maskrefinenet", "box_student": None}
"""Kind of a stage's checkpoints; None: the one that its settings name."""
AP_ROUNDING = 1e-6
"""By how much AP may differ from the mean of the classes'."""


def network_findings(study: StudyFiles, facts: Facts) -> Iterator[Finding]:
    """What is wrong with the trained networks and their scores, manifest by manifest."""
    for record in study.records.values():
        check = Checker(study, record, facts)
        if record.stage in KINDS:
            yield from until_unknown(record, _checkpoints(check, facts))
            yield from until_unknown(record, _metrics(check, facts))
        elif record.stage in CHECKS:
            yield from until_unknown(record, CHECKS[record.stage](check, facts))


def _checkpoints(check: Checker, facts: Facts) -> Iterator[Finding]:
    """Kind, network and step of every checkpoint, and that all of a training have the same tensors."""
    settings = check.record.settings
    found = {path: metadata_of(facts, path) for path in check.record.outputs
             if path.endswith(".safetensors") and path in facts}  # fmt: skip
    for path, metadata in found.items():
        kind = KINDS[check.record.stage] or settings["network"]["kind"]
        if metadata.get("kind") != kind:
            yield check.wrong(path, f"holds a {metadata.get('kind')}, the stage {check.record.stage} makes a {kind}")
        elif "imported" not in metadata:
            if metadata["network"] != settings["network"]:
                yield check.wrong(path, f"its network differs from the settings in {check.record.path}")
            step = _expected_step(path.rpartition("/")[2], settings)
            if step is not None and int(metadata["step"]) != step:
                yield check.wrong(path, f"was saved at step {metadata['step']}; the settings say {step}")
    if len({str(sorted(facts[path]["tensors"].items())) for path in found}) > 1:
        yield check.wrong(min(found), "the training's checkpoints do not have the same tensors")
    yield from _classes(check, facts, found)


def _classes(check: Checker, facts: Facts, found: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    """The classes of a checkpoint are those of the data it was trained on."""
    names = ("full", "training_set", "box_points")
    given = facts.get(next((path for name in names if (path := check.record.input(name)) is not None), ""))
    if given is None:
        return
    expected = sorted(given.categories.items())
    for path, metadata in found.items():
        if [(one["id"], one["name"]) for one in metadata.get("categories", [])] != expected:
            yield check.wrong(path, "its categories are not those of the data it was trained on")


def _expected_step(name: str, settings: Any) -> int | None:
    if name == "model.safetensors":
        return settings["schedule"]["iterations"]
    snapshots = settings.get("snapshots") or []
    number = name.removeprefix("snapshot").removesuffix(".safetensors")
    return snapshots[int(number) - 1] if number.isdigit() and int(number) <= len(snapshots) else None


def _metrics(check: Checker, facts: Facts) -> Iterator[Finding]:
    path = f"{check.folder}/metrics.jsonl"
    if path not in facts or "imported" in check.record.counts:
        return
    lines, said = facts[path]["lines"], check.record.settings["schedule"]["iterations"]
    last = lines[-1]["step"] if lines else 0
    if last != said:
        yield check.wrong(path, f"ends at step {last}; the settings say {said}")
    counted = check.record.counts.get("steps")
    if counted != said:
        yield check.wrong(check.record.path, f"counts: steps is {counted}; the settings say {said}")
    for name, value in lines[-1].items() if lines else ():
        told = check.record.counts.get(f"last_{name}", value)
        if told != value:
            what = f"counts: last_{name} is {told}, the last line of the metrics has {value}"
            yield check.wrong(check.record.path, what)


def _evaluated(check: Checker, facts: Facts) -> Iterator[Finding]:
    scores, detections, val = check.made("scores.json"), check.made("detections.json"), check.of("val")
    path, listed = check.output("scores.json"), check.output("detections.json")
    crowd = int(val.crowd.sum())
    found = {"images": len(val.images), "objects": len(val.id) - crowd, "crowd": crowd}
    found["detections"] = detections["count"]
    for key, number in found.items():
        if scores.get(key) != number:
            yield check.wrong(path, f"{key} is {scores.get(key)}, the files have {number}")
    yield from check.counts(found)
    for metric in METRICS:
        said, value = check.record.counts.get(metric), scores[metric]
        if said != value:
            yield check.wrong(path, f"{metric} is {value}, its manifest says {said}")
        if value is not None and not 0 <= value <= 100:
            yield check.wrong(path, f"{metric} is {value}, not within 0 ... 100")
    yield from _adds_up(check, path, scores)
    unknown = sorted(detections["images"] - set(val.images))
    if unknown or detections["categories"] - set(val.categories):
        yield check.wrong(listed, f"has detections on images or of categories that val.json has not: {some(unknown)}")


def _adds_up(check: Checker, path: str, scores: Mapping[str, Any]) -> Iterator[Finding]:
    """AP is the mean of the classes' and no more than AP at IoU .5; objects are those of all classes."""
    objects = sum(one["objects"] for one in scores["per_class"])
    if objects != scores["objects"]:
        yield check.wrong(path, f"objects is {scores['objects']}, its classes have {objects}")
    for metric in ("AP", "AP50"):
        known = [one[metric] for one in scores["per_class"] if one[metric] is not None]
        value = scores[metric]
        if value is not None and known and not math.isclose(value, sum(known) / len(known), abs_tol=AP_ROUNDING):
            yield check.wrong(path, f"{metric} is {value}, the mean of its classes is {sum(known) / len(known)}")
    if None not in (scores["AP"], scores["AP50"]) and scores["AP"] > scores["AP50"] + AP_ROUNDING:
        yield check.wrong(path, f"AP is {scores['AP']}, more than AP50, {scores['AP50']}")


CHECKS: dict[str, Callable[[Checker, Facts], Iterator[Finding]]] = {"evaluate": _evaluated, "report": report_findings}
