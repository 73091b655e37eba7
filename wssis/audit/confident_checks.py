"""Whether the labels of the arm semi are what its thresholds allow: one for every class, no label below its own."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from wssis.audit.annotation_forms import CONFIDENT
from wssis.audit.checker import Checker, tally
from wssis.audit.coco_facts import CocoFacts
from wssis.audit.finding import Finding, some
from wssis.formats.score_thresholds import ScoreThreshold


def check_thresholds(check: Checker) -> Iterator[Finding]:
    """score-thresholds: a row for every class, of all its objects, by fold teachers that have not seen them."""
    full, path = check.of("full"), check.output(".csv")
    rows = {row.category_id: row for row in check.made(path.rpartition("/")[2]).rows}
    yield from check.same(path, "classes", rows, full.categories, "full.json")
    objects = Counter(full.category_id[~full.crowd].tolist())
    odd = sorted(number for number, row in rows.items() if row.objects != objects[number])
    if odd:
        yield check.wrong(path, f"classes with another number of objects than in full.json: {some(odd)}")
    detections = sum(row.detections for row in rows.values())
    if detections > check.record.counts["detections"]:
        said = check.record.counts["detections"]
        yield check.wrong(path, f"rests on {detections} detections; its manifest counted {said}")
    yield from check.counts({
        "images": len(full.images), "objects": tally(full)[1],
        "classes_without_labels": sum(row.threshold is None for row in rows.values()),
    })  # fmt: skip
    yield from _fold_teachers(check)


def _fold_teachers(check: Checker) -> Iterator[Finding]:
    """The predictors are the teachers of all folds, each trained without the images that are its own here."""
    settings, path = check.record.settings, check.record.path
    folds = [f"fold{k}" for k in range(settings["folds"])]
    given = [one.name for one in check.record.inputs if one.name.startswith("fold")]
    yield from check.same(path, "predictors", given, folds, "the folds")
    for k, name in enumerate(folds):
        trained = check.study.producers.get(str(check.record.input(name)))
        if trained is None or trained.stage != "fold":
            continue
        found = tuple(trained.settings[key] for key in ("fold", "folds", "seed"))
        if found != (k, settings["folds"], settings["fold_seed"]):
            what = f"{name} is the teacher of fold {found[0]} of {found[1]} (seed {found[2]}): it has seen its images"
            yield check.wrong(path, what)


def check_confident(check: Checker) -> Iterator[Finding]:
    """confident-labels: all full annotations, and labels on other images alone, each above its class's threshold."""
    full, kinds, path = check.of("full"), check.of("split"), check.output(".json")
    made = check.made(path.rpartition("/")[2])
    bare = {number for number, kind in kinds.items() if kind != "full"}
    labelled = set(made.image_id[made.pseudo].tolist())
    yield from check.same(path, "full annotations", made.id[~made.pseudo], full.id, "full.json")
    if on_others := sorted(labelled - bare):
        yield check.wrong(path, f"has labels on images that are full, or in no split: {some(on_others)}")
    expected = {*full.images, *(labelled & bare)}
    yield from check.same(path, "images", made.images, expected, "full.json and those that have labels")
    if made.categories != full.categories:
        yield check.wrong(path, "its categories are not those of full.json")
    yield from _sure(check, made, path)
    yield from check.counts({
        "full_images": len(full.images), "full_annotations": int((~made.pseudo).sum()),
        "labelled_images": len(labelled), "images_left_out": len(bare - labelled),
        "pseudo_masks": int((made.pseudo & made.masked).sum()),
    })  # fmt: skip


def _sure(check: Checker, made: CocoFacts, path: str) -> Iterator[Finding]:
    """Every label has the outcome `confident` and a score of at least its class's threshold."""
    number = int(made.pseudo.sum())
    if made.outcomes[CONFIDENT] != number:
        yield check.wrong(path, f"{made.outcomes[CONFIDENT]} of {number} labels have the outcome {CONFIDENT}")
    rows: list[ScoreThreshold] = check.of("thresholds").rows
    least = {row.category_id: np.inf if row.threshold is None else row.threshold for row in rows}
    needed = np.array([least.get(category, np.inf) for category in made.category_id.tolist()])
    below = made.pseudo & ~(made.score >= needed)
    if below.any():
        what = f"{int(below.sum())} labels are below the threshold of their class: annotations {some(made.id[below])}"
        yield check.wrong(path, what)
