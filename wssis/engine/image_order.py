"""Orders in which images get masks, or are held out: a few first ones are nested in more of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.random import Generator

from wssis.formats.coco import annotations_by_image
from wssis.formats.split import groups_of

Unit = list[int]
"""Image ids that are never parted: one image, or a group."""


def classes_of(coco: Mapping[str, Any]) -> dict[int, set[int]]:
    """Image id -> category ids of its objects, crowd excluded; every image has an entry."""
    groups = annotations_by_image(coco)
    return {image: {a["category_id"] for a in group if not a["iscrowd"]} for image, group in groups.items()}


def stratified_order(coco: Mapping[str, Any], rng: Generator) -> list[Unit]:
    """First a few images that show every class once, the rarest class first; then every stratum at an even pace.

    An image's stratum is its rarest class; the images without objects are a stratum of their own. Of the first n
    images a stratum has about its share of n.
    """
    classes = classes_of(coco)
    frequency = Counter(category for present in classes.values() for category in present)
    rarest_first = sorted(frequency, key=lambda category: (frequency[category], category))
    rank = {category: place for place, category in enumerate(rarest_first)}
    strata: dict[int | None, list[int]] = {}
    for image in rng.permutation(sorted(classes)).tolist():
        strata.setdefault(min(classes[image], key=rank.__getitem__, default=None), []).append(image)
    pace = {}
    for stratum in [*rarest_first, None]:
        members = strata.get(stratum, [])
        start = rng.uniform()
        pace.update({image: (place + start) / len(members) for place, image in enumerate(members)})
    order = sorted(pace, key=pace.__getitem__)
    cover: list[int] = []
    for category in rarest_first:
        if not any(category in classes[image] for image in cover):
            cover.append(next(image for image in order if category in classes[image]))
    early = set(cover)
    return [[image] for image in [*cover, *(image for image in order if image not in early)]]


def grouped_order(coco: Mapping[str, Any], key: str, rng: Generator, file: str = "train.json") -> list[Unit]:
    """Groups of images with equal values of `key`, in random order.

    Raises:
        InputError: an image has no such key; the message names it and `file`.
    """
    groups: dict[str, Unit] = {}
    for image, name in groups_of(sorted(coco["images"], key=lambda item: item["id"]), key, file).items():
        groups.setdefault(name, []).append(image)
    names = sorted(groups)
    return [groups[names[place]] for place in rng.permutation(len(names))]


def take(units: Sequence[Unit], wanted: int) -> list[int]:
    """Images of the first units, whole, until there are `wanted` or more."""
    taken: list[int] = []
    for unit in units:
        if len(taken) >= wanted:
            break
        taken.extend(unit)
    return taken
