"""Whether the artifacts of a study add up: images in = images out, and every point ends as one mask or one reason.

Each check takes one manifest and the facts of the files it links; a file that is not there or cannot be read, which is
told elsewhere, ends the check with a `LookupError`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from wssis.audit.coco_facts import NONE, CocoFacts
from wssis.audit.contents import Facts
from wssis.audit.finding import Finding, some
from wssis.audit.ledger_facts import DROPPED, WITH_MASK, LedgerFacts
from wssis.audit.study_files import StageRecord, StudyFiles
from wssis.formats.split import KINDS, assign_folds

HIDDEN = ("train.json", "hidden_ids.csv")
"""Files that tell the masks of weak images."""
MAY_SEE_HIDDEN = ("check_images", "split", "points", "quality", "oracle_mask")
"""Stages that may read them: before the points are drawn, and two that nothing else trains on."""
UNMASKED = "unmasked_"
# Different ids are counted by pandas: NumPy 2.4 takes seconds for a million consecutive numbers.


class Checker:
    """The checks of one manifest."""

    def __init__(self, study: StudyFiles, record: StageRecord, facts: Facts) -> None:
        self.study, self.record, self._facts = study, record, facts

    @property
    def folder(self) -> str:
        """Folder of the manifest."""
        return self.record.path.rpartition("/")[0]

    def of(self, name: str) -> Any:
        """Facts of an input. LookupError where there are none."""
        return self._facts[str(self.record.input(name))]

    def made(self, name: str) -> Any:
        """Facts of an output, by its name relative to the manifest. LookupError where there are none."""
        return self._facts[f"{self.folder}/{name}"]

    def output(self, suffix: str) -> str:
        """Path of the output that ends so. LookupError where there is none."""
        for path in self.record.outputs:
            if path.endswith(suffix):
                return path
        raise LookupError(suffix)

    def wrong(self, file: str, what: str) -> Finding:
        """A finding whose remedy is to run this stage again."""
        return Finding(file, what, f"run {self.record.stage} again and what follows")

    def counts(self, found: Mapping[str, int]) -> Iterator[Finding]:
        """Counts of the manifest against what the files hold."""
        for key, number in found.items():
            said = self.record.counts.get(key, 0)
            if said != number:
                yield self.wrong(self.record.path, f"counts: {key} is {said}, the files have {number}")

    def same(
        self, file: str, what: str, found: Iterable[Any], expected: Iterable[Any], where: str
    ) -> Iterator[Finding]:
        """Two sets of ids that should be one: what is missing in `file`, and what is too many."""
        if missing := _without(expected, found):
            yield self.wrong(file, f"{len(missing)} {what} of {where} are missing: {some(missing)}")
        if more := _without(found, expected):
            yield self.wrong(file, f"{len(more)} {what} are not in {where}: {some(more)}")


def _without(ids: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    """The ids that are not among the others, sorted."""
    if isinstance(ids, np.ndarray) and isinstance(others, np.ndarray):
        return np.sort(ids[~np.isin(ids, others)]).tolist()
    return sorted(set(ids) - set(others))


def _tally(facts: CocoFacts) -> tuple[int, int, int]:
    """Images, objects, crowd regions."""
    crowd = int(facts.crowd.sum())
    return len(facts.images), len(facts.id) - crowd, crowd


def _prepared(check: Checker) -> Iterator[Finding]:
    train, val = check.made("train.json"), check.made("val.json")
    for name, facts in (("train", train), ("val", val)):
        images, objects, crowd = _tally(facts)
        yield from check.counts({f"{name}_images": images, f"{name}_objects": objects, f"{name}_crowd": crowd})
    if train.categories != val.categories:
        yield check.wrong(check.output("val.json"), "its categories are not those of train.json")


def _images(check: Checker) -> Iterator[Finding]:
    rows, path = check.made("images.csv"), check.output("images.csv")
    for subset in ("train", "val"):
        images = check.of(subset).images
        found = {int(row[1]): (int(row[3]), int(row[4])) for row in rows if row[0] == subset}
        yield from check.same(path, f"{subset} images", found, images, f"{subset}.json")
        odd = [number for number, size in found.items() if images.get(number, size) != size]
        if odd:
            yield check.wrong(path, f"images of another size than in {subset}.json: {some(odd)}")
    yield from check.counts({"images": len(rows)})


def _split(check: Checker) -> Iterator[Finding]:
    train, kinds, full = check.of("train"), check.made("split.csv"), check.made("full.json")
    unlabelled = check.made("unlabelled.json")
    yield from check.same(check.output("split.csv"), "images", kinds, train.images, "train.json")
    by_kind = {kind: {number for number, one in kinds.items() if one == kind} for kind in KINDS}
    yield from check.same(check.output("full.json"), "images", full.images, by_kind["full"], "kind full in split.csv")
    here = check.output("unlabelled.json")
    yield from check.same(here, "images", unlabelled.images, by_kind["unlabelled"], "kind unlabelled in split.csv")
    masks = train.id[np.isin(train.image_id, np.array(sorted(by_kind["full"]), np.int64))]
    yield from check.same(check.output("full.json"), "annotations", full.id, masks, "the full images in train.json")
    _, objects, crowd = _tally(full)
    yield from check.counts({f"{kind}_images": len(ids) for kind, ids in by_kind.items()})
    yield from check.counts({"full_objects": objects, "full_crowd": crowd})


def _points(check: Checker) -> Iterator[Finding]:
    train, kinds, full = check.of("train"), check.of("split"), check.of("full")
    weak, hidden, points = check.made("weak.json"), check.made("hidden_ids.csv"), check.made("full_points.csv")
    pointed = {number for number, kind in kinds.items() if kind == "point"}
    path = check.output("weak.json")
    yield from check.same(path, "images", weak.images, pointed, "kind point in split.csv")
    objects = full.id[~full.crowd]
    full_points = check.output("full_points.csv")
    yield from check.same(full_points, "objects", points, objects, "the objects of full.json")
    on_weak = np.isin(train.image_id, np.array(sorted(pointed), np.int64))
    yield from _hidden(check, hidden, weak, train, on_weak & ~train.crowd)
    yield from check.counts({
        "full_points": len(points), "weak_images": len(weak.images), "weak_points": len(weak.id),
        "verified_empty": len(weak.images) - len(pd.unique(weak.image_id)),
        "weak_crowd": int((on_weak & train.crowd).sum()), "full_crowd": int(full.crowd.sum()),
    })  # fmt: skip


def _hidden(
    check: Checker, pairs: np.ndarray, weak: CocoFacts, train: CocoFacts, objects: np.ndarray
) -> Iterator[Finding]:
    """hidden_ids.csv pairs every weak point with one object of its class on its image.

    pairs: (P, 2), ids in weak.json and in train.json; objects: bool, for each annotation of train.json: whether it is
    an object of a weak image.
    """
    path = check.output("hidden_ids.csv")
    yield from check.same(path, "points", pairs[:, 0], weak.id, "weak.json")
    yield from check.same(path, "objects", pairs[:, 1], train.id[objects], "the weak images in train.json")
    if len(pd.unique(pairs[:, 0])) != len(pairs) or len(pd.unique(pairs[:, 1])) != len(pairs):
        yield check.wrong(path, "a point or an object stands in more than one pair")
        return
    known = np.isin(pairs[:, 0], weak.id) & np.isin(pairs[:, 1], train.id)
    left, right = _rows(weak.id, pairs[known, 0]), _rows(train.id, pairs[known, 1])
    odd = (weak.image_id[left] != train.image_id[right]) | (weak.category_id[left] != train.category_id[right])
    if odd.any():
        yield check.wrong(path, f"points paired with objects of another image or class: {some(pairs[known, 0][odd])}")


def _rows(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where in `ids`, all different, the wanted ones stand."""
    order = np.argsort(ids)
    return order[np.searchsorted(ids, wanted, sorter=order)]


def _proposals(check: Checker) -> Iterator[Finding]:
    given, side = check.of("annotations"), check.output(".json")
    made, ledger = check.made(side.rpartition("/")[2]), check.made(check.output(".csv").rpartition("/")[2])
    points = given.id[~given.crowd]
    yield from check.same(side, "images", made.images, given.images, "the annotations it was given")
    yield from _records(check, ledger, points)
    yield from _masks(check, ledger, made, side)
    yield from _out_of_fold(check, ledger, given)
    yield from check.counts({
        "images": len(given.images), "points": len(points), "records": len(ledger.point_id),
        **{f"status_{status}": ledger.statuses[status] for status in (*WITH_MASK, *DROPPED)},
        **{f"predictor_{name}": number for name, number in ledger.predictors.items()},
    })  # fmt: skip


def _records(check: Checker, ledger: LedgerFacts, points: np.ndarray) -> Iterator[Finding]:
    """The ledger has every point exactly once; with two snapshots, once for each."""
    path = check.output(".csv")
    yield from check.same(path, "points", ledger.point_id, points, "the annotations it was given")
    by_all = sum(name.startswith("snapshot") for name in ledger.predictors) or 1
    expected = by_all * len(points)
    if len(ledger.point_id) != expected or ledger.pairs != expected:
        found = f"{len(ledger.point_id)} records, {ledger.pairs} of them different"
        yield check.wrong(path, f"has {found}, for {len(points)} points; each needs exactly {by_all}")
    unknown = sorted(set(ledger.statuses) - {*WITH_MASK, *DROPPED})
    if unknown:
        yield check.wrong(path, f"has records with a status that does not exist: {some(unknown)}")
    for status, number in sorted(ledger.wrong.items()):
        has = "no proposal" if status in WITH_MASK else "a proposal"
        yield check.wrong(path, f"{number} records of status {status} have {has}")


def _masks(check: Checker, ledger: LedgerFacts, made: CocoFacts, path: str) -> Iterator[Finding]:
    """The ledger's proposals are those of the COCO file, of the same points, images and classes."""
    listed = ledger.proposal_id != NONE
    ids = ledger.proposal_id[listed]
    yield from check.same(path, "proposals", made.id, ids, "the ledger")
    if len(pd.unique(ids)) != len(ids):
        yield check.wrong(check.output(".csv"), "a proposal stands in more than one record")
        return
    known = np.isin(ids, made.id)
    rows = _rows(made.id, ids[known])
    for name in ("point_id", "image_id", "category_id"):
        odd = getattr(made, name)[rows] != getattr(ledger, name)[listed][known]
        if odd.any():
            yield check.wrong(path, f"{name} differs from the ledger in proposals {some(ids[known][odd])}")


def _out_of_fold(check: Checker, ledger: LedgerFacts, given: CocoFacts) -> Iterator[Finding]:
    """No fold teacher predicts an image it was trained on."""
    if not any(name.startswith("fold") for name in ledger.predicted):
        return
    settings = check.record.settings
    fold = assign_folds(given.images, settings["folds"], settings["fold_seed"])
    for name, images in sorted(ledger.predicted.items()):
        seen = sorted(image for image in images if f"fold{fold.get(image, NONE)}" != name)
        if seen:
            yield check.wrong(check.output(".csv"), f"{name} predicted images it was trained on: {some(seen)}")


def _crops(check: Checker) -> Iterator[Finding]:
    proposals, store = check.of("proposals"), check.made(check.output(".zarr").rpartition("/")[2])
    table, path = store["table"], check.output(".zarr")
    if not store["layout"].has_target:
        yield from check.same(path, "proposals", table.proposal_id, proposals.id, "the proposals it was cut from")
    elif not np.isin(table.proposal_id, proposals.id).all():
        yield check.wrong(path, "has crops of proposals that are not in the file it was cut from")
    found = {"crops": len(table), "images": len(pd.unique(table.image_id)), "objects": len(pd.unique(table.point_id))}
    yield from check.counts(found)


def _pseudo(check: Checker) -> Iterator[Finding]:
    full, weak = check.of("full"), check.of("weak")
    path = check.output(".json")
    made = check.made(path.rpartition("/")[2])
    yield from check.same(path, "images", made.images, [*full.images, *weak.images], "full.json and weak.json")
    yield from check.same(path, "full annotations", made.id[~made.pseudo], full.id, "full.json")
    points = made.point_id[made.pseudo]
    yield from check.same(path, "points", points, weak.id, "weak.json")
    ids, times = np.unique(points, return_counts=True)
    if (times > 1).any():
        yield check.wrong(path, f"points that have more than one pseudo label: {some(ids[times > 1])}")
    masked = int(made.masked[made.pseudo].sum())
    reasons = sum(number for name, number in made.outcomes.items() if name.startswith(UNMASKED))
    if masked + reasons != len(points):
        what = f"{len(points) - masked} points have no mask, {reasons} have a stated reason for it"
        yield check.wrong(path, what)
    yield from check.counts({
        "full_images": len(full.images), "full_annotations": int((~made.pseudo).sum()),
        "weak_images": len(weak.images), "weak_points": len(points), "pseudo_masks": masked,
        "unmasked": len(points) - masked, **made.outcomes,
    })  # fmt: skip


def _quality(check: Checker) -> Iterator[Finding]:
    weak, pseudo = check.of("weak"), check.of("pseudo")
    path = check.output(".csv")
    ids, statuses = check.made(path.rpartition("/")[2])
    yield from check.same(path, "points", ids, weak.id, "weak.json")
    yield from check.counts({"points": len(ids)} | {word: statuses[word] for word in ("masked", "unmasked", "dropped")})
    masked = int(pseudo.masked[pseudo.pseudo].sum())
    if statuses["masked"] != masked:
        yield check.wrong(path, f"has {statuses['masked']} points with a mask, the training set {masked}")


def _trained(check: Checker) -> Iterator[Finding]:
    """Counts of a teacher's or a student's training set."""
    given = check.of("full" if check.record.stage == "teacher" else "training_set")
    found = {"images": len(given.images), "objects": len(given.id)}
    without = {} if check.record.stage == "teacher" else {"unmasked": int((~given.masked).sum())}
    yield from check.counts(found | without)


def _fold(check: Checker) -> Iterator[Finding]:
    full, settings = check.of("full"), check.record.settings
    fold = assign_folds(full.images, settings["folds"], settings["seed"])
    kept = np.array(sorted(image for image, its in fold.items() if its != settings["fold"]), np.int64)
    yield from check.counts({"images": len(kept), "objects": int(np.isin(full.image_id, kept).sum())})


def _refiner(check: Checker) -> Iterator[Finding]:
    table = check.of("crops")["table"]
    yield from check.counts({"pairs": len(table), "objects": len(pd.unique(table.point_id))})


CHECKS: dict[str, Callable[[Checker], Iterator[Finding]]] = {
    "prepare": _prepared,
    "generate": _prepared,
    "check_images": _images,
    "split": _split,
    "points": _points,
    "proposals": _proposals,
    "crops": _crops,
    "pseudo": _pseudo,
    "oracle_mask": _pseudo,
    "quality": _quality,
    "teacher": _trained,
    "student": _trained,
    "fold": _fold,
    "refiner": _refiner,
}


def balance_findings(study: StudyFiles, facts: Facts) -> Iterator[Finding]:
    """What does not add up, manifest by manifest."""
    for record in study.records.values():
        yield from _blind(record)
        check = CHECKS.get(record.stage)
        if check is not None:
            yield from _until_unknown(check(Checker(study, record, facts)))


def _until_unknown(findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings up to the first fact that is not known: the file is gone or damaged, which is told elsewhere."""
    try:
        yield from findings
    except LookupError:
        return


def _blind(record: StageRecord) -> Iterator[Finding]:
    """Nothing that trains, or feeds a training, has seen a mask of a weak image."""
    if record.stage in MAY_SEE_HIDDEN:
        return
    for one in record.inputs:
        if one.path is not None and one.path.rpartition("/")[2] in HIDDEN:
            what = f"read {one.path} (input {one.name}), which holds the hidden masks of weak images"
            yield Finding(record.path, what, f"run {record.stage} again by the workflow; no result of it counts")
