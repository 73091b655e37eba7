"""Whether every point ends as one mask or one reason: proposals and ledgers, crops, training sets, their quality."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from wssis.audit.arm_checks import check_predictors
from wssis.audit.checker import Checker, places_in
from wssis.audit.coco_facts import CONFIDENT, NONE, CocoFacts, groups_in
from wssis.audit.finding import Finding, some
from wssis.audit.ledger_facts import CORRUPTED, DROPPED, WITH_MASK, LedgerFacts
from wssis.formats.split import assign_folds

SAME_PLACE = 1e-6
"""Points are one within so many px: reading a number from a CSV may cost its last bit."""
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
        yield from _moved(check, check.output(".csv"), ledger.point_id, ledger.point, given)
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
    odd = _apart(made.point[rows], ledger.point[listed][known])
    if odd.any():
        yield check.wrong(path, f"the point differs from the ledger in proposals {some(ids[known][odd])}")


def _found_in(source: CocoFacts, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the ids (N,) a file has, and their rows in it; none where it repeats an id, which is told elsewhere."""
    known = np.isin(ids, source.id)
    if len(pd.unique(source.id)) != len(source.id):
        known[:] = False
    return known, places_in(source.id, ids[known])


def _apart(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of the points (N, 2) are not where the others are; a coordinate that is no number is nowhere."""
    return ~(np.abs(points - others) <= SAME_PLACE).all(axis=1)


def _moved(check: Checker, path: str, ids: np.ndarray, points: np.ndarray, weak: CocoFacts) -> Iterator[Finding]:
    """Points (N, 2) of a file that lie elsewhere than in weak.json; ids (N,) that are not there are told elsewhere."""
    known, places = _found_in(weak, ids)
    odd = ids[known][_apart(points[known], weak.point[places])]
    if len(odd):
        yield check.wrong(path, f"{len(odd)} points lie elsewhere than in weak.json: {some(odd)}")


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
    found = {"crops": len(table), "images": len(pd.unique(table.image_id)), "objects": len(pd.unique(table.point_id))}
    yield from check.counts(found)


def check_pseudo(check: Checker) -> Iterator[Finding]:
    """pseudo: all images, all full annotations, and every weak point once, with a mask or a reason."""
    name = "box_points" if check.record.stage == "box_pseudo" else "weak"
    full, weak = check.of("full"), check.of(name)
    path = check.output(".json")
    made = check.made(path.rpartition("/")[2])
    yield from check.same(path, "images", made.images, [*full.images, *weak.images], f"full.json and {name}.json")
    yield from check.same(path, "full annotations", made.id[~made.pseudo], full.id, "full.json")
    points = made.point_id[made.pseudo]
    yield from check.same(path, "labels", points, weak.id, f"{name}.json")
    ids, times = np.unique(points, return_counts=True)
    if (times > 1).any():
        yield check.wrong(path, f"points that have more than one pseudo label: {some(ids[times > 1])}")
    yield from _alike(check, path, "labels", (made, made.pseudo, points), weak, f"{name}.json")
    if name == "weak":
        yield from _moved(check, path, points, made.point[made.pseudo], weak)
    yield from _alike(check, path, "full annotations", (made, ~made.pseudo, made.id[~made.pseudo]), full, "full.json")
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


def _alike(
    check: Checker, path: str, what: str, part: tuple[CocoFacts, np.ndarray, np.ndarray], source: CocoFacts, where: str
) -> Iterator[Finding]:
    """Classes are those of the file that a part's annotations come from; each annotation has its image and class.

    part: facts (A,), which of them (A,), and the ids in `source` that these stand for.
    """
    made, chosen, ids = part
    if made.categories != source.categories:
        yield check.wrong(path, f"its categories are not those of {where}")
    known, places = _found_in(source, ids)
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
    ids, statuses = check.made(path.rpartition("/")[2])
    if len(pd.unique(ids)) != len(ids):
        yield check.wrong(path, f"{len(ids) - len(pd.unique(ids))} rows repeat the point of another")
    yield from check.same(path, "labels", ids, weak.id, check.record.input("weak") or "weak.json")
    yield from check.counts({"points": len(ids)} | {word: statuses[word] for word in ("masked", "unmasked", "dropped")})
    masked = int(pseudo.masked[pseudo.pseudo].sum())
    if pseudo.outcomes[CONFIDENT]:  # Labels without points: each stands for one object, or for none.
        on_weak = np.isin(pseudo.image_id[pseudo.pseudo], np.array([*weak.images], np.int64))
        if statuses["unmasked"] or statuses["masked"] > int(on_weak.sum()):
            found = f"{statuses['masked']} points with and {statuses['unmasked']} without a mask"
            yield check.wrong(path, f"has {found}; the training set has {int(on_weak.sum())} labels on these images")
    elif statuses["masked"] != masked:
        yield check.wrong(path, f"has {statuses['masked']} points with a mask, the training set {masked}")
