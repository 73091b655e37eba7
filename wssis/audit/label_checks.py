"""Whether the data set and the labels of a run add up: images in = images out, one point for every object."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from wssis.audit.checker import Checker, found_in, places_in, tally
from wssis.audit.coco_facts import CocoFacts, frames_of, outside
from wssis.audit.finding import Finding, some
from wssis.formats.split import KINDS
from wssis.geometry.label_noise import share_of

# Different ids are counted by pandas: NumPy 2.4 takes seconds for a million consecutive numbers.


def check_prepared(check: Checker) -> Iterator[Finding]:
    """prepare, generate: counts of train.json and val.json, and their classes."""
    train, val = check.made("train.json"), check.made("val.json")
    for name, facts in (("train", train), ("val", val)):
        images, objects, crowd = tally(facts)
        yield from check.counts({f"{name}_images": images, f"{name}_objects": objects, f"{name}_crowd": crowd})
    clicks = train.id[~train.masked]
    if len(clicks) and check.record.stage != "take_given":
        yield check.wrong(check.output("train.json"), f"annotations without a mask: {some(clicks)}")
    if train.categories != val.categories:
        yield check.wrong(check.output("val.json"), "its categories are not those of train.json")


def check_images(check: Checker) -> Iterator[Finding]:
    """check-images: a row of the right size for every image of both subsets, and one of facts."""
    rows, path = check.made("images.csv"), check.output("images.csv")
    for subset in ("train", "val"):
        images = check.of(subset).images
        own = [row for row in rows if row[0] == subset]
        found = {int(row[1]): (int(row[3]), int(row[4])) for row in own}
        if len(found) != len(own):
            yield check.wrong(path, f"{len(own) - len(found)} rows repeat a {subset} image")
        yield from check.same(path, f"{subset} images", found, images, f"{subset}.json")
        odd = [number for number, size in found.items() if images.get(number, size) != size]
        if odd:
            yield check.wrong(path, f"images of another size than in {subset}.json: {some(odd)}")
    hashes = {subset: {row[5] for row in rows if row[0] == subset} for subset in ("train", "val")}
    twice = sum(row[0] == "val" and row[5] in hashes["train"] for row in rows)
    yield from check.counts({"images": len(rows), "train_images_in_val": twice})
    facts, path = check.made("image_facts.csv"), check.output("image_facts.csv")
    known = [(one.subset, one.image_id) for one in facts]
    yield from check.same(path, "images", known, [(row[0], int(row[1])) for row in rows], "images.csv")
    if len(set(known)) != len(known):
        yield check.wrong(path, f"{len(known) - len(set(known))} rows repeat an image")


def check_warnings(check: Checker) -> Iterator[Finding]:
    """data-warnings: as many warnings of every kind as the manifest counted."""
    times = Counter(warning.kind for warning in check.made("data_warnings.json"))
    yield from check.counts({kind: times[kind] for kind in sorted({*times, *check.record.counts})})


def check_split(check: Checker) -> Iterator[Finding]:
    """split: every image of one kind, each file with its kind's images, full.json with all of their masks."""
    train, kinds = check.of("train"), check.made("split.csv")
    yield from check.same(check.output("split.csv"), "images", kinds, train.images, "train.json")
    yield from check_images_of_kinds(check, train, kinds)


def check_images_of_kinds(check: Checker, train: CocoFacts, kinds: dict[int, str]) -> Iterator[Finding]:
    """full.json and unlabelled.json of a split: their images, the masks of the full ones, and the counts."""
    full, unlabelled = check.made("full.json"), check.made("unlabelled.json")
    by_kind = {kind: {number for number, one in kinds.items() if one == kind} for kind in KINDS}
    yield from check.same(check.output("full.json"), "images", full.images, by_kind["full"], "kind full in split.csv")
    yield from check.same_sizes(check.output("full.json"), full, train)
    here = check.output("unlabelled.json")
    yield from check.same(here, "images", unlabelled.images, by_kind["unlabelled"], "kind unlabelled in split.csv")
    masks = train.id[np.isin(train.image_id, np.array(sorted(by_kind["full"]), np.int64))]
    yield from check.same(check.output("full.json"), "annotations", full.id, masks, "the full images in train.json")
    yield from check.same_masks(check.output("full.json"), (full.id, full.mask), train, "train.json")
    _, objects, crowd = tally(full)
    yield from check.counts({f"{kind}_images": len(ids) for kind, ids in by_kind.items()})
    yield from check.counts({"full_objects": objects, "full_crowd": crowd})


def check_points(check: Checker) -> Iterator[Finding]:
    """points: a point for every object of the full and of the weak images."""
    train, kinds, full = check.of("train"), check.of("split"), check.of("full")
    weak, hidden, points = check.made("weak.json"), check.made("hidden_ids.csv"), check.made("full_points.csv")
    pointed = {number for number, kind in kinds.items() if kind == "point"}
    path = check.output("weak.json")
    yield from check.same(path, "images", weak.images, pointed, "kind point in split.csv")
    yield from check.same_sizes(path, weak, train)
    objects = full.id[~full.crowd]
    full_points = check.output("full_points.csv")
    yield from check.same(full_points, "objects", points, objects, "the objects of full.json")
    yield from check_inside(check, full_points, points, full)
    on_weak = np.isin(train.image_id, np.array(sorted(pointed), np.int64))
    yield from _hidden(check, hidden, weak, train, on_weak & ~train.crowd)
    yield from check.counts({
        "full_points": len(points), "weak_images": len(weak.images), "weak_points": len(weak.id),
        "verified_empty": len(weak.images) - len(pd.unique(weak.image_id)),
        "weak_crowd": int((on_weak & train.crowd).sum()), "full_crowd": int(full.crowd.sum()),
    })  # fmt: skip


def check_inside(
    check: Checker, path: str, points: Mapping[int, Sequence[float]], full: CocoFacts
) -> Iterator[Finding]:
    """Points [x, y] by annotation id that lie outside of their image."""
    ids, where = np.array([*points], np.int64), np.array([*points.values()], np.float64).reshape(-1, 2)
    known, places = found_in(full.id, ids)
    odd = ids[known][outside(where[known], frames_of(full)[places])]
    if len(odd):
        yield check.wrong(path, f"{len(odd)} points are outside of their image: {some(odd)}")


def check_box_points(check: Checker) -> Iterator[Finding]:
    """box-points: a box for every object of its images, each with as many points as the settings say."""
    train, kinds, settings = check.of("train"), check.of("split"), check.record.settings
    made, hidden = check.made("box_points.json"), check.made("box_hidden_ids.csv")
    path, kind = check.output("box_points.json"), settings["label_kind"]
    boxed = {number for number, one in kinds.items() if one == kind}
    yield from check.same(path, "images", made.images, boxed, f"kind {kind} in split.csv")
    found = {
        "box_images": len(made.images), "boxes": len(made.id), "points": made.labels.total(),
        "object_points": made.labels[1], "verified_empty": len(made.images) - len(pd.unique(made.image_id)),
    }  # fmt: skip
    if settings["file"] is None:
        here = np.isin(train.image_id, np.array(sorted(boxed), np.int64))
        yield from _hidden(check, hidden, made, train, here & ~train.crowd)
        found["crowd"] = int((here & train.crowd).sum())
        if made.labels.total() != settings["points"] * len(made.id):
            what = f"{made.labels.total()} points in {len(made.id)} boxes"
            yield check.wrong(path, f"{what}; by the settings each has {settings['points']}")
        share = settings["noise_share"] if settings["noise"] != "none" else 0
        found["wrong_labels"] = share_of(made.labels.total(), share)
    yield from check.counts(found)


def _hidden(
    check: Checker, pairs: np.ndarray, weak: CocoFacts, train: CocoFacts, objects: np.ndarray
) -> Iterator[Finding]:
    """hidden_ids.csv pairs every weak point, or box, with one object of its class on its image.

    pairs: (P, 2), ids in weak.json or box_points.json and in train.json; objects: bool, for each annotation of
    train.json: whether it is an object of a weak image.
    """
    path = check.output("hidden_ids.csv")
    of = "box_points.json" if check.record.stage == "box_points" else "weak.json"
    yield from check.same(path, "labels", pairs[:, 0], weak.id, of)
    yield from check.same(path, "objects", pairs[:, 1], train.id[objects], f"the images of {of} in train.json")
    if len(pd.unique(pairs[:, 0])) != len(pairs) or len(pd.unique(pairs[:, 1])) != len(pairs):
        yield check.wrong(path, "a point or an object stands in more than one pair")
        return
    known = np.isin(pairs[:, 0], weak.id) & np.isin(pairs[:, 1], train.id)
    left, right = places_in(weak.id, pairs[known, 0]), places_in(train.id, pairs[known, 1])
    odd = (weak.image_id[left] != train.image_id[right]) | (weak.category_id[left] != train.category_id[right])
    if odd.any():
        yield check.wrong(path, f"points paired with objects of another image or class: {some(pairs[known, 0][odd])}")
