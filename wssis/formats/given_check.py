"""What is wrong between half-labelled files: ids that clash, images in two of them, other categories."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from wssis.errors import InputError
from wssis.formats.coco import read_coco
from wssis.formats.coco_check import check_coco
from wssis.formats.json_text import loads
from wssis.formats.remark import Fault, Remark

LABELS: Mapping[str, Literal["masks", "points", "none"]] = {
    "full": "masks", "weak": "points", "unlabelled": "none", "val": "masks",
}  # fmt: skip
"""Part of a half-labelled data set -> what its annotations hold."""


@dataclass(frozen=True)
class GivenFile:
    """One file of a half-labelled data set: where it is, and what it holds."""

    part: str
    path: Path
    coco: Mapping[str, Any]

    def name_of(self, image: Mapping[str, Any]) -> str:
        """File name in one spelling: a/./b and a/b are the same."""
        return str(PurePosixPath(image["file_name"]))


def read_given(part: str, path: Path) -> GivenFile:
    """Read one of the files; unlabelled images need neither a list of annotations nor one of categories.

    Raises:
        InputError: see `read_coco`.
    """
    if part == "unlabelled" and path.is_file():
        try:
            content = loads(path.read_bytes())
        except ValueError:
            content = None  # read_coco says what is wrong with it.
        if isinstance(content, dict) and isinstance(content.get("images"), list):
            return GivenFile(part, path, {"annotations": [], "categories": [], **content})
    return GivenFile(part, path, read_coco(path))


def given_problems(files: Mapping[str, GivenFile], zero_area: str) -> list[Remark]:
    """All problems of half-labelled files; those between files only where each is sound in itself.

    Args:
        files: full and weak, and unlabelled or val where there are such files.
        zero_area: see `check_coco`.

    Raises:
        InputError: full or weak is not among them.
    """
    if not {"full", "weak"} <= files.keys():
        raise InputError("half-labelled data need a file of the full images and one of the weak images")
    problems = [remark for file in files.values() for remark in _own_problems(file, files["full"], zero_area)]
    return problems or list(_problems_between(files))


def _own_problems(file: GivenFile, full: GivenFile, zero_area: str) -> Iterator[Remark]:
    """What is wrong with a file alone."""
    coco = file.coco
    if file.part == "unlabelled" and not coco["categories"]:
        coco = {**coco, "categories": full.coco["categories"]}
    yield from check_coco(coco, file.path, zero_area, LABELS[file.part])
    if file.part == "weak":
        for annotation in coco["annotations"]:
            if isinstance(annotation, dict) and annotation.get("iscrowd"):
                fault = Fault("iscrowd", "is a crowd region, which has no point", "remove it, or click on each object")
                yield fault.at(file.path, f"annotation {annotation.get('id')!r}")


def _problems_between(files: Mapping[str, GivenFile]) -> Iterator[Remark]:
    """Categories are the same in all files; ids and images are shared by none of those that are trained on.

    Validation images have ids and names of their own; check-images says which of them are training images to the byte.
    """
    full = files["full"]
    for file in files.values():
        if file is not full and file.coco["categories"]:
            yield from _other_categories(full, file)
    for one, other in combinations([file for part, file in files.items() if part != "val"], 2):
        yield from _shared_images(one, other)
        yield from _shared_annotations(one, other)


def _other_categories(full: GivenFile, file: GivenFile) -> Iterator[Remark]:
    wanted, found = ({one["id"]: one["name"] for one in each.coco["categories"]} for each in (full, file))
    remedy = "make both lists equal (wssis convert takes --categories FILE)"
    for identity in sorted(wanted.keys() | found.keys()):
        mine, theirs = found.get(identity), wanted.get(identity)
        if mine != theirs:
            there = f"missing in {full.path}" if theirs is None else f"called {theirs!r} in {full.path}"
            what = f"is missing here, and {theirs!r} in {full.path}" if mine is None else f"{mine!r} is {there}"
            yield Fault("category", what, remedy).at(file.path, f"category {identity}")


def _shared_images(one: GivenFile, other: GivenFile) -> Iterator[Remark]:
    """Images of both files: under one name, or two names under one id."""
    by_name = {one.name_of(image): image["id"] for image in one.coco["images"]}
    by_id = {image["id"]: one.name_of(image) for image in one.coco["images"]}
    for image in other.coco["images"]:
        name, identity, item = other.name_of(image), image["id"], f"image {image['id']}"
        if name in by_name:
            what = f"{name!r} is also image {by_name[name]} of {one.path}"
            remedy = "one picture has one kind of label: remove it from one file; two pictures need two names"
            yield Fault("image in two files", what, remedy).at(other.path, item)
        elif identity in by_id:
            what = f"{name!r} has the id of {by_id[identity]!r} in {one.path}"
            yield Fault("id", what, "renumber one file (wssis convert takes --first-id)").at(other.path, item)


def _shared_annotations(one: GivenFile, other: GivenFile) -> Iterator[Remark]:
    ids = {annotation["id"] for annotation in one.coco["annotations"]}
    for annotation in other.coco["annotations"]:
        if annotation["id"] in ids:
            fault = Fault("id", f"this id is also in {one.path}", "renumber one file (wssis convert takes --first-id)")
            yield fault.at(other.path, f"annotation {annotation['id']}")
