"""Whether every point ends as one mask or one reason: proposals and ledgers, crops, training sets, their quality."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from wssis.audit.annotation_columns import NONE
from wssis.audit.annotation_forms import CONFIDENT
from wssis.audit.arm_checks import check_predictors
from wssis.audit.checker import Checker, found_in, places_in
from wssis.audit.coco_facts import CocoFacts, groups_in
from wssis.audit.finding import Finding, some
from wssis.audit.ledger_facts import CORRUPTED, DROPPED, WITH_MASK, LedgerFacts
from wssis.audit.quality_facts import QualityFacts
from wssis.formats.crop_store import CropTable
from wssis.formats.split import assign_folds

SAME_PLACE = 1e-6
"""Points are one within so many px: reading a number from a CSV may cost its last bit."""
SAME_SCORE = 1e-6
"""Scores are one within so much, for the same reason."""
CROP_PLACE = 1e-3
"""Points of a crop, float32 px, are one within so many."""
UNMASKED = "unmasked_"
"""How the outcomes of points without a mask begin."""


def check_proposals(check: Checker) -> Iterator[Finding]:
    """proposals: every point in the ledger, every proposal in ledger and COCO file alike, out of fold."""
    given, side = check.of("annotations"), check.output(".json")
    made, ledger = check.made(side.rpartition("/")[2]), check.made(check.output(".csv").rpartition("/")[2])
    points = given.id[~given.crowd]
    yield from check.same(side, "images", made.images, given.images, "the annotations it was given")
    yield from _records(check, ledger, points)
    if side.endswith("/weak.json"):  # A full image's annotations hold masks, and no points.
        yield from moved(check, check.output(".csv"), (ledger.point_id, ledger.point), given, "weak.json")
    yield from _masks(check, ledger, made, side)
    yield from _out_of_fold(check, ledger, given)
    yield from check_predictors(check, ledger.predictors)
    soft = len(made.id) if check.record.settings.get("rough") == "soft" else 0
    if made.extras["soft"] != soft:
        yield check.wrong(side, f"{made.extras['soft']} proposals have a soft mask; by the settings {soft} do")
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
    corrupt = check.record.settings.get("pairs") == "corrupt"
    unknown = sorted(set(ledger.statuses) - ({CORRUPTED} if corrupt else {*WITH_MASK, *DROPPED} - {CORRUPTED}))
    if unknown:
        yield check.wrong(path, f"has records with a status that its stage does not give: {some(unknown)}")
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
    rows = places_in(made.id, ids[known])
    for name in ("point_id", "image_id", "category_id"):
        odd = getattr(made, name)[rows] != getattr(ledger, name)[listed][known]
        if odd.any():
            yield check.wrong(path, f"{name} differs from the ledger in proposals {some(ids[known][odd])}")
    odd = ~np.isclose(made.score[rows], ledger.score[listed][known], rtol=0, atol=SAME_SCORE, equal_nan=True)
    if odd.any():
        yield check.wrong(path, f"the score differs from the ledger in proposals {some(ids[known][odd])}")
    odd = _apart(made.point[rows], ledger.point[listed][known])
    if odd.any():
        yield check.wrong(path, f"the point differs from the ledger in proposals {some(ids[known][odd])}")


def _apart(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of the points (N, 2) are not where the others are; a coordinate that is no number is nowhere."""
    return ~(np.abs(points - others) <= SAME_PLACE).all(axis=1)


def moved(
    check: Checker, path: str, part: tuple[np.ndarray, np.ndarray], source: CocoFacts, where: str
) -> Iterator[Finding]:
    """Points that lie elsewhere than in the file they are from.

    part: ids (N,) in `source`, and points (N, 2); ids that are not there are told elsewhere.
    """
    ids, points = part
    known, places = found_in(source.id, ids)
    odd = ids[known][_apart(points[known], source.point[places])]
    if len(odd):
        yield check.wrong(path, f"{len(odd)} points lie elsewhere than in {where}: {some(odd)}")


def _out_of_fold(check: Checker, ledger: LedgerFacts, given: CocoFacts) -> Iterator[Finding]:
    """No fold teacher predicts an image it was trained on."""
    if not any(name.startswith("fold") for name in ledger.predicted):
        return
    settings = check.record.settings
    fold = assign_folds(given.images, settings["folds"], settings["fold_seed"], groups_in(given, settings))
    for name, images in sorted(ledger.predicted.items()):
        seen = sorted(image for image in images if f"fold{fold.get(image, NONE)}" != name)
        if seen:
            yield check.wrong(check.output(".csv"), f"{name} predicted images it was trained on: {some(seen)}")


def check_crops(check: Checker) -> Iterator[Finding]:
    """crops: the crops are those of the proposals."""
    proposals, store = check.of("proposals"), check.made(check.output(".zarr").rpartition("/")[2])
    table, path = store["table"], check.output(".zarr")
    if not store["layout"].has_target:
        yield from check.same(path, "proposals", table.proposal_id, proposals.id, "the proposals it was cut from")
    elif not np.isin(table.proposal_id, proposals.id).all():
        yield check.wrong(path, "has crops of proposals that are not in the file it was cut from")
    yield from _cut_from(check, path, table, proposals)
    found = {"crops": len(table), "images": len(pd.unique(table.image_id)), "objects": len(pd.unique(table.point_id))}
    yield from check.counts(found)


def _cut_from(check: Checker, path: str, table: CropTable, proposals: CocoFacts) -> Iterator[Finding]:
    """Every crop has the image, object, class and point of its proposal, and its window lies in the image."""
    known, places = found_in(proposals.id, table.proposal_id)
    ids, window = table.proposal_id[known], table.window[known].astype(np.float64)
    frames = np.array([proposals.images[image] for image in proposals.image_id[places].tolist()]).reshape(-1, 2)
    classes = np.array(sorted(proposals.categories), np.int64)  # As class indices are given.
    label = table.label[known]
    legal = (label >= 0) & (label < len(classes))
    sides = window[:, 2:] - window[:, :2]
    outside = (sides < 1).any(axis=1) | (window[:, :2] < 0).any(axis=1) | (window[:, 2:] > frames).any(axis=1)
    expected = (proposals.point[places] - window[:, :2]) * check.record.settings["size"] / np.maximum(sides, 1)
    for what, odd in (
        ("an image", table.image_id[known] != proposals.image_id[places]),
        ("an object", table.point_id[known] != proposals.point_id[places]),
        ("a class", ~legal | (classes[np.where(legal, label, 0)] != proposals.category_id[places])),
        ("a point", ~(np.abs(table.point[known] - expected) <= CROP_PLACE).all(axis=1)),
    ):
        if odd.any():
            yield check.wrong(path, f"{odd.sum()} crops have {what} that is not their proposal's: {some(ids[odd])}")
    if outside.any():
        yield check.wrong(path, f"windows that do not lie in their image, of proposals {some(ids[outside])}")


def check_pseudo(check: Checker) -> Iterator[Finding]:
    """pseudo: all images, all full annotations, and every weak point once, with a mask or a reason."""
    name = "box_points" if check.record.stage == "box_pseudo" else "weak"
    full, weak = check.of("full"), check.of(name)
    path = check.output(".json")
    made = check.made(path.rpartition("/")[2])
    yield from check.same(path, "images", made.images, [*full.images, *weak.images], f"full.json and {name}.json")
    yield from check.same(path, "full annotations", made.id[~made.pseudo], full.id, "full.json")
    yield from check.same_masks(path, (made.id[~made.pseudo], made.mask[~made.pseudo]), full, "full.json")
    points = made.point_id[made.pseudo]
    yield from check.same(path, "labels", points, weak.id, f"{name}.json")
    ids, times = np.unique(points, return_counts=True)
    if (times > 1).any():
        yield check.wrong(path, f"points that have more than one pseudo label: {some(ids[times > 1])}")
    yield from alike(check, path, "labels", (made, made.pseudo, points), weak, f"{name}.json")
    if name == "weak":
        yield from moved(check, path, (points, made.point[made.pseudo]), weak, "weak.json")
    yield from alike(check, path, "full annotations", (made, ~made.pseudo, made.id[~made.pseudo]), full, "full.json")
    scores = made.score[made.pseudo & made.masked]
    if len(odd := made.point_id[made.pseudo & made.masked][~((scores >= 0) & (scores <= 1))]):
        yield check.wrong(path, f"{len(odd)} labels have a mask, and no score within 0 ... 1: {some(odd)}")
    if made.extras["uncertain"] and not check.record.settings.get("ignore_band"):
        what = f"{made.extras['uncertain']} labels have an uncertain band; by the settings none has"
        yield check.wrong(path, what)
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


def alike(
    check: Checker, path: str, what: str, part: tuple[CocoFacts, np.ndarray, np.ndarray], source: CocoFacts, where: str
) -> Iterator[Finding]:
    """Classes are those of the file that a part's annotations come from; each annotation has its image and class.

    part: facts (A,), which of them (A,), and the ids in `source` that these stand for.
    """
    made, chosen, ids = part
    if made.categories != source.categories:
        yield check.wrong(path, f"its categories are not those of {where}")
    known, places = found_in(source.id, ids)
    for words, own, theirs in (
        ("on another image", made.image_id, source.image_id), ("of another class", made.category_id, source.category_id)
    ):  # fmt: skip
        odd = ids[known][own[chosen][known] != theirs[places]]
        if len(odd):
            yield check.wrong(path, f"{len(odd)} {what} are {words} than in {where}: {some(odd)}")


def check_quality(check: Checker) -> Iterator[Finding]:
    """pseudo-quality: a row for every weak point, masked as in the training set."""
    weak, pseudo = check.of("weak"), check.of("pseudo")
    path = check.output(".csv")
    found: QualityFacts = check.made(path.rpartition("/")[2])
    ids, statuses = found.weak_id, found.statuses
    if len(pd.unique(ids)) != len(ids):
        yield check.wrong(path, f"{len(ids) - len(pd.unique(ids))} rows repeat the point of another")
    yield from check.same(path, "labels", ids, weak.id, check.record.input("weak") or "weak.json")
    counted = {word: statuses[word] for word in ("masked", "unmasked", "dropped")}
    # Manifests of older versions say less.
    told = {name: value for name, value in found.measured.items() if name in check.record.counts}
    yield from check.counts({"points": len(ids), **counted, **told})
    masked = int(pseudo.masked[pseudo.pseudo].sum())
    if pseudo.outcomes[CONFIDENT]:  # Labels without points: each stands for one object, or for none.
        on_weak = np.isin(pseudo.image_id[pseudo.pseudo], np.array([*weak.images], np.int64))
        if statuses["unmasked"] or statuses["masked"] > int(on_weak.sum()):
            what = f"{statuses['masked']} points with and {statuses['unmasked']} without a mask"
            yield check.wrong(path, f"has {what}; the training set has {int(on_weak.sum())} labels on these images")
    elif statuses["masked"] != masked:
        yield check.wrong(path, f"has {statuses['masked']} points with a mask, the training set {masked}")
