"""split.csv: the label kind of every image; and the folds of cross-fitting."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wssis.errors import InputError
from wssis.formats.table import TEXT, WHOLE, read_values, write_table

CELLS = {"image_id": WHOLE, "label_kind": TEXT}
COLUMNS = tuple(CELLS)
KINDS = ("full", "point", "points10", "unlabelled")


def read_split(path: Path) -> dict[int, str]:
    """Image id -> label kind ("full", "point", "points10" or "unlabelled").

    Raises:
        InputError: not a split file, an id that is no number, or a label kind that does not exist.
    """
    split = {}
    for image_id, kind in read_values(path, CELLS):
        if kind not in KINDS:
            raise InputError(f"{path}: image {image_id} has label kind {kind!r}; legal are {', '.join(KINDS)}")
        split[image_id] = kind
    return split


def write_split(path: Path, split: Mapping[int, str]) -> None:
    """Write split.csv atomically, in the order of image ids."""
    write_table(path, COLUMNS, sorted(split.items()))


def part_of(coco: Mapping[str, Any], split: Mapping[int, str], kind: str, with_annotations: bool) -> dict[str, Any]:
    """The images of one label kind, with or without their annotations, as COCO content."""
    annotations = [a for a in coco["annotations"] if with_annotations and split[a["image_id"]] == kind]
    images = [image for image in coco["images"] if split[image["id"]] == kind]
    return {"images": images, "annotations": annotations, "categories": coco["categories"]}


def groups_of(images: Iterable[Mapping[str, Any]], key: str, file: str) -> dict[int, str]:
    """Image id -> the value of `key`, as text: images with equal ones stay together, such as the frames of a video.

    Raises:
        InputError: an image has no such key; the message names it and `file`.
    """
    groups = {}
    for image in images:
        if key not in image:
            raise InputError(f"{file}: image {image['id']} has no key {key!r} (split.group_key); add it to the file")
        groups[image["id"]] = str(image[key])
    return groups


def folds_of(images: Sequence[Mapping[str, Any]], folds: int, seed: int, key: str | None) -> dict[int, int]:
    """`assign_folds` of the images of full.json; key: of these images, what stays in one fold (`groups_of`).

    Raises:
        InputError: there are too few images or groups, or an image lacks the key.
    """
    groups = None if key is None else groups_of(images, key, "full.json")
    return assign_folds([image["id"] for image in images], folds, seed, groups)


def assign_folds(
    image_ids: Iterable[int], folds: int, seed: int, groups: Mapping[int, str] | None = None
) -> dict[int, int]:
    """Image id -> fold 0 ... folds - 1; fold sizes differ by one at most, or by the largest group.

    The groups, in random order, go each into the fold that has the fewest images by then. Depends on the set of ids and
    on the seed, not on the order of the ids. groups: of every image, that which goes into one fold as a whole; None:
    every image is a group.

    Raises:
        InputError: there are fewer images, or groups, than folds.
    """
    ids = sorted(set(image_ids))
    group_of = {image: image for image in ids} if groups is None else groups
    sizes = Counter(group_of[image] for image in ids)
    names = sorted(sizes)
    if len(names) < folds:
        what = "fully labelled images" if groups is None else "groups of fully labelled images (split.group_key)"
        raise InputError(f"{len(names)} {what} cannot make {folds} folds; lower folds or raise the mix")
    held = [0] * folds
    fold = {}
    for place in np.random.default_rng([seed, folds]).permutation(len(names)):
        name = names[place]
        fold[name] = held.index(min(held))
        held[fold[name]] += sizes[name]
    return {image: fold[group_of[image]] for image in ids}
