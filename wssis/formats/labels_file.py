"""COCO files as one stage hands them to the next: a quick look whether a file is the one that is asked for.

The stages that take data in look at everything (`coco_check`). Here it is about a wrong path: full.json in the place of
weak.json, somebody's own file in the place of proposals.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wssis.errors import InputError
from wssis.formats.coco import read_coco

IDS = ("id", "image_id", "category_id")
MEANINGS = {
    "segmentation": "masks", "iscrowd": "masks, as prepare writes it,", "point": "points",
    "point_id": "labels made for points", "status": "proposals", "score": "proposals", "source": "an arm's labels",
}  # fmt: skip
"""Key of an annotation -> what the annotations of a file with it are."""


def read_labels(path: Path, *keys: str) -> dict[str, Any]:
    """Read a COCO file of which every annotation has these keys (of MEANINGS).

    Raises:
        InputError: see `read_coco` and `check_labels`.
    """
    coco = read_coco(path)
    check_labels(coco, path, *keys)
    return coco


def check_labels(coco: Mapping[str, Any], path: Path, *keys: str) -> None:
    """Nothing where images, annotations and categories are objects with ids, and every annotation has these keys.

    Raises:
        InputError: names the first that is not so.
    """
    for _ in checked(coco["annotations"], coco, path, *keys):
        pass


def checked(annotations: Iterable[Any], frame: Mapping[str, Any], path: Path, *keys: str) -> Iterator[dict[str, Any]]:
    """The annotations as they come, each looked at; frame: the file at `path`, with its images and categories.

    Raises:
        InputError: see `check_labels`.
    """
    images, categories = (_known(frame[name], name, path) for name in ("images", "categories"))
    needed = frozenset(keys)
    for place, one in enumerate(annotations):
        # One expression: a large set has close to a million of them.
        if not (
            type(one) is dict
            and type(one.get("id")) is int
            and type(one.get("image_id")) is int
            and type(one.get("category_id")) is int
            and one["image_id"] in images
            and one["category_id"] in categories
            and needed <= one.keys()
        ):
            raise InputError(f"{path}: {_problem(one, place, images, categories, keys)}")
        yield one


def _known(items: Sequence[Any], name: str, path: Path) -> set[int]:
    """Ids of images or categories."""
    for place, one in enumerate(items):
        if not isinstance(one, dict) or type(one.get("id")) is not int:
            what = f"item {place + 1} of its {name} is no object with an integer as id"
            raise InputError(f"{path}: {what}; is it the right file? A COCO file of this package is expected")
    return {one["id"] for one in items}


def _problem(one: Any, place: int, images: Container[int], categories: Container[int], keys: Iterable[str]) -> str:
    """What is wrong with an annotation, and what to do."""
    right = "is it the right file?"
    if not isinstance(one, dict):
        return f"item {place + 1} of its annotations is no object; {right} A COCO file of this package is expected"
    label = f"annotation {one.get('id')!r}"
    for key in IDS:
        if type(one.get(key)) is not int:
            return f"{label} has {key} {one.get(key)!r}, no integer; {right} A COCO file of this package is expected"
    for key, known in (("image_id", images), ("category_id", categories)):
        if one[key] not in known:
            return f"{label} has {key} {one[key]}, which is not in the file; make the file again"
    missing = next(key for key in keys if key not in one)
    return f"{label} has no {missing}; {right} A file of {MEANINGS[missing]} is expected"
