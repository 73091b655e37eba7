"""split.csv: the label kind of every image; and the folds of cross-fitting."""

from collections.abc import Iterable, Mapping
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


def assign_folds(image_ids: Iterable[int], folds: int, seed: int) -> dict[int, int]:
    """Image id -> fold 0 ... folds - 1; fold sizes differ by one at most.

    Depends on the set of ids and on the seed, not on the order of the ids.

    Raises:
        InputError: there are fewer images than folds.
    """
    ids = sorted(set(image_ids))
    if len(ids) < folds:
        raise InputError(f"{len(ids)} fully labelled images cannot make {folds} folds; lower folds or raise the mix")
    order = np.random.default_rng([seed, folds]).permutation(len(ids))
    return {ids[place]: turn % folds for turn, place in enumerate(order)}
