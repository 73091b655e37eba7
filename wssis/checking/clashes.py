"""What clashes between the files of a data set that is given in parts: ids, names, and lists of categories."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import PurePosixPath
from typing import Any

from wssis.formats.remark import Fault, Remark

RENUMBER = "renumber one of the two files (wssis convert takes --first-id)"
Content = tuple[str, dict[str, Any]]
"""Path of an annotation file, for the messages, and what is in it."""


def clashes(first: Content, others: Sequence[Content]) -> Iterator[Remark]:
    """Problems between files of images that are trained on together; what is unsound in one file is passed over.

    Args:
        first: the file whose categories count.
        others: the rest. A file without categories has those of the first.
    """
    for other in others:
        yield from _missing_categories(first, other)
    for one, other in combinations([first, *others], 2):
        yield from _images(one, other)
        yield from _annotations(one, other)


def _missing_categories(first: Content, other: Content) -> Iterator[Remark]:
    """Categories of the first file that the other has not; the reverse is a problem of each file's own."""
    found = {category["id"] for category in _objects(other, "categories")}
    for category in _objects(first, "categories") if found else ():
        if category["id"] not in found:
            what = f"{category.get('name')!r} of {first[0]} is missing"
            remedy = "make both lists equal (wssis convert takes --categories)"
            yield Fault("category", what, remedy).at(other[0], f"category {category.get('id')!r}")


def _images(one: Content, other: Content) -> Iterator[Remark]:
    """Images of both files: under one name, or two names under one id."""
    images = [image for image in _objects(one, "images") if isinstance(image.get("file_name"), str)]
    by_name = {_name(image): image["id"] for image in images}
    by_id = {image["id"]: _name(image) for image in images}
    for image in _objects(other, "images"):
        if not isinstance(image.get("file_name"), str):
            continue
        name, identity = _name(image), image["id"]
        if name in by_name:
            what = f"{name!r} is also image {by_name[name]} of {one[0]}"
            remedy = "a picture has one kind of label, so remove it from one file; two pictures need two names"
            yield Fault("image in two parts", what, remedy).at(other[0], f"image {identity}")
        elif identity in by_id:
            what = f"{name!r} has the id of {by_id[identity]!r} in {one[0]}"
            yield Fault("id", what, RENUMBER).at(other[0], f"image {identity}")


def _annotations(one: Content, other: Content) -> Iterator[Remark]:
    ids = {annotation["id"] for annotation in _objects(one, "annotations")}
    for annotation in _objects(other, "annotations"):
        if annotation["id"] in ids:
            yield Fault("id", f"{one[0]} has this id, too", RENUMBER).at(other[0], f"annotation {annotation['id']}")


def _objects(content: Content, key: str) -> Iterator[dict[str, Any]]:
    """The items of a list that are objects with an integer id."""
    items = content[1].get(key) or []
    return (item for item in items if isinstance(item, dict) and type(item.get("id")) is int)


def _name(image: dict[str, Any]) -> str:
    """File name in one spelling: a/./b and a/b are one file."""
    return str(PurePosixPath(image["file_name"]))
