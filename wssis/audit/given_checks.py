"""Whether the files of a half-labelled data set add up: what was given is there once, with the labels that it has."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd

from wssis.audit.checker import Checker
from wssis.audit.finding import Finding, some
from wssis.audit.label_checks import check_images_of_kinds, check_inside, check_prepared
from wssis.audit.mask_checks import alike, moved


def check_taken(check: Checker) -> Iterator[Finding]:
    """take-given: counts as of prepare and of every part, a label kind for every image, masks on full images and clicks
    on weak ones.
    """
    yield from check_prepared(check)
    train, kinds = check.made("train.json"), check.made("given.csv")
    yield from check.same(check.output("given.csv"), "images", kinds, train.images, "train.json")
    of_kind = np.array([kinds.get(number, "") for number in train.image_id.tolist()], object)
    odd = train.id[(train.masked & (of_kind != "full")) | (~train.masked & (of_kind != "point"))]
    if len(odd):
        yield check.wrong(check.output("train.json"), f"annotations that do not fit their image's kind: {some(odd)}")
    images = Counter(kinds.values())
    held_out = 0 if check.record.settings["val_share"] is None else len(check.made("val.json").images)
    yield from check.counts({
        "full_images": images["full"], "weak_images": images["point"], "unlabelled_images": images["unlabelled"],
        "held_out_images": held_out,
    })  # fmt: skip


def check_split_given(check: Checker) -> Iterator[Finding]:
    """split-given: the kinds that were given, each file with its kind's images, full.json with all of their masks."""
    kinds = check.made("split.csv")
    if kinds != check.of("given"):
        yield check.wrong(check.output("split.csv"), "is not the split of given.csv")
    yield from check_images_of_kinds(check, check.of("train"), kinds)


def check_points_given(check: Checker) -> Iterator[Finding]:
    """points-given: every click of the weak images, and a point for every object of the full ones."""
    train, kinds, full = check.of("train"), check.of("split"), check.of("full")
    weak, points = check.made("weak.json"), check.made("full_points.csv")
    pointed = {number for number, kind in kinds.items() if kind == "point"}
    path = check.output("weak.json")
    yield from check.same(path, "images", weak.images, pointed, "kind point in split.csv")
    yield from check.same(path, "clicks", weak.id, train.id[~train.masked], "train.json")
    yield from check.same_sizes(path, weak, train)
    yield from alike(check, path, "clicks", (weak, np.ones(len(weak.id), bool), weak.id), train, "train.json")
    yield from moved(check, path, (weak.id, weak.point), train, "train.json")
    full_points = check.output("full_points.csv")
    yield from check.same(full_points, "objects", points, full.id[~full.crowd], "the objects of full.json")
    yield from check_inside(check, full_points, points, full)
    yield from check.counts({
        "full_points": len(points), "weak_images": len(weak.images), "weak_points": len(weak.id),
        "verified_empty": len(weak.images) - len(pd.unique(weak.image_id)), "full_crowd": int(full.crowd.sum()),
    })  # fmt: skip


def check_shown(check: Checker) -> Iterator[Finding]:
    """show-given: every click has one fate, and as many have masks as the training set says.

    Labels that come without clicks, as semi's do: each lies on a click, or is counted as one without.
    """
    weak, pseudo = check.of("weak"), check.of("pseudo")
    on_weak = pseudo.pseudo & np.isin(pseudo.image_id, np.array([*weak.images], np.int64))
    labels, masked = int(on_weak.sum()), int(pseudo.masked[on_weak].sum())
    if check.record.input("proposals") is None:
        on_clicks = sum(check.record.counts[fate] for fate in ("masked", "unmasked"))
        found = {"without_a_click": labels - on_clicks, "dropped": len(weak.id) - on_clicks}
    else:
        found = {"masked": masked, "unmasked": labels - masked, "dropped": len(weak.id) - labels}
    yield from check.counts({"points": len(weak.id)} | found)
