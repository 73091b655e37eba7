"""Several COCO files as one: masks that came from several places, or clicks of several people."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wssis.errors import InputError, refuse
from wssis.formats.coco import read_coco, write_coco
from wssis.formats.coco_check import bad_file_name

UNIQUE = (("images", "file_name", "keep the image in one of them"),
          ("images", "id", "number one file anew (wssis convert takes --first-id)"),
          ("annotations", "id", "number one file anew (wssis convert takes --first-id)"))  # fmt: skip
"""List, its key that may not occur twice, and the remedy where it does."""


def join_files(files: Sequence[Path], out: Path, without: Sequence[Path] = ()) -> dict[str, int]:
    """Write the images and annotations of all files, in their order, with the categories of the first.

    Args:
        without: COCO files whose images, by file name, are left out, with their annotations.

    Returns the numbers of images and annotations written, and of the images `left_out`.

    Raises:
        InputError: the files differ in their categories, or share an id or an image, all clashes at once; an image to
            leave out has no legal file name; no image is left.
    """
    given = {path: read_coco(path) for path in files}
    elsewhere = frozenset(name for path in without for name in file_names(path, read_coco(path)))
    contents = {path: _without(coco, elsewhere) for path, coco in given.items()}
    problems = [*_category_problems(contents)]
    for part, key, remedy in UNIQUE:
        problems += _clashes(contents, part, key, remedy)
    refuse(problems)
    joined = {part: [one for coco in contents.values() for one in coco[part]] for part in ("images", "annotations")}
    if not joined["images"]:
        raise InputError(f"{out}: not written, since --without leaves no image; name other files")
    write_coco(out, {**joined, "categories": next(iter(contents.values()))["categories"]})
    read = sum(len(coco["images"]) for coco in given.values())
    return {part: len(joined[part]) for part in joined} | {"left_out": read - len(joined["images"])}


def file_names(path: Path, coco: Mapping[str, Any]) -> Iterator[str]:
    """The images of a COCO file, by name.

    Raises:
        InputError: a file name is none, or leads out of the image folder.
    """
    for image in coco["images"]:
        if fault := bad_file_name(image.get("file_name")):
            raise InputError(f"{path}: image {image.get('id')!r}: {fault}")
        yield image["file_name"]


def _without(coco: Mapping[str, Any], elsewhere: frozenset[str]) -> Mapping[str, Any]:
    """The file without the images of these names; the file itself where it has none of them."""
    left_out = {one.get("id") for one in coco["images"] if isinstance(one, dict) and one.get("file_name") in elsewhere}
    if not left_out:
        return coco
    images = [one for one in coco["images"] if not isinstance(one, dict) or one.get("id") not in left_out]
    annotations = [
        one for one in coco["annotations"] if not isinstance(one, dict) or one.get("image_id") not in left_out
    ]
    return {**coco, "images": images, "annotations": annotations}


def _category_problems(contents: Mapping[Path, Mapping[str, Any]]) -> list[str]:
    (first, wanted), *others = [(path, _named(coco)) for path, coco in contents.items()]
    return [
        f"{path}: its categories {found} are not those of {first}: {wanted}; convert it with --categories {first}"
        for path, found in others
        if found != wanted
    ]


def _named(coco: Mapping[str, Any]) -> dict[Any, Any]:
    return {one.get("id"): one.get("name") for one in coco["categories"] if isinstance(one, dict)}


def _clashes(contents: Mapping[Path, Mapping[str, Any]], part: str, key: str, remedy: str) -> list[str]:
    """Values of a key that two files have."""
    owner: dict[Any, Path] = {}
    problems = []
    for path, coco in contents.items():
        own = [repr(one.get(key)) for one in coco[part] if isinstance(one, dict)]
        problems += [f"{path}: {key} {value} of its {part} is also in {owner[value]}; {remedy}" for value in own
                     if value in owner]  # fmt: skip
        owner.update(dict.fromkeys(own, path))
    return problems
