"""Several COCO files as one: masks that came from several places, or clicks of several people."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wssis.errors import InputError, refuse
from wssis.formats.atomic import refuse_overwriting
from wssis.formats.coco import read_coco, write_coco
from wssis.formats.coco_check import bad_file_name, frame_problems
from wssis.formats.json_text import dumps

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
        InputError: `out` is one of the files; a file is unsound in its images, categories or ids; the files differ in
            their categories or kind of label, or share an id or an image, all clashes at once; an image to leave out
            has no legal file name; no image is left; a number is NaN or infinite.
    """
    refuse_overwriting([*files, *without], [out])
    given = {path: read_coco(path) for path in files}
    refuse([f"{path}: {problem}" for path, coco in given.items() for problem in frame_problems(coco)])
    elsewhere = frozenset(name for path in without for name in file_names(path, read_coco(path)))
    contents = {path: _without(coco, elsewhere) for path, coco in given.items()}
    problems = [*_category_problems(contents), *_kind_problems(given)]
    for part, key, remedy in UNIQUE:
        problems += _clashes(contents, part, key, remedy)
    refuse(problems)
    joined = {part: [one for coco in contents.values() for one in coco[part]] for part in ("images", "annotations")}
    if not joined["images"]:
        raise InputError(f"{out}: not written, since --without leaves no image; name other files")
    try:
        write_coco(out, {**joined, "categories": next(iter(contents.values()))["categories"]})
    except ValueError:
        refuse([*_unwritable(contents)])
        raise
    read = sum(len(coco["images"]) for coco in given.values())
    return {part: len(joined[part]) for part in joined} | {"left_out": read - len(joined["images"])}


def file_names(path: Path, coco: Mapping[str, Any]) -> Iterator[str]:
    """The images of a COCO file, by name.

    Raises:
        InputError: an image or annotation is no object; a file name is none, or leads out of the image folder.
    """
    for key in ("images", "annotations"):
        if not all(isinstance(one, dict) for one in coco[key]):
            raise InputError(f"{path}: {key} must be a list of objects; a COCO file is expected")
    for image in coco["images"]:
        if fault := bad_file_name(image.get("file_name")):
            raise InputError(f"{path}: image {image.get('id')!r}: {fault}")
        yield image["file_name"]


def _without(coco: Mapping[str, Any], elsewhere: frozenset[str]) -> Mapping[str, Any]:
    """The file without the images of these names; the file itself where it has none of them."""
    left_out = {one["id"] for one in coco["images"] if one["file_name"] in elsewhere}
    if not left_out:
        return coco
    images = [one for one in coco["images"] if one["id"] not in left_out]
    annotations = [one for one in coco["annotations"] if one["image_id"] not in left_out]
    return {**coco, "images": images, "annotations": annotations}


def _category_problems(contents: Mapping[Path, Mapping[str, Any]]) -> list[str]:
    (first, wanted), *others = [(path, _named(coco)) for path, coco in contents.items()]
    return [
        f"{path}: its categories {found} are not those of {first}: {wanted}; convert it with --categories {first}"
        for path, found in others
        if found != wanted
    ]


def _named(coco: Mapping[str, Any]) -> dict[Any, Any]:
    return {one["id"]: one["name"] for one in coco["categories"]}


def _kind_problems(contents: Mapping[Path, Mapping[str, Any]]) -> list[str]:
    """Files of points alone beside files with masks: nothing that reads COCO takes both in one file."""
    kinds = {path: _kind(coco) for path, coco in contents.items()}
    masks = next((path for path, kind in kinds.items() if kind == "masks"), None)
    pointed = [path for path, kind in kinds.items() if kind == "points"]
    if masks is None:
        return []
    return [f"{path}: holds points, and {masks} holds masks; join each kind on its own" for path in pointed]


def _kind(coco: Mapping[str, Any]) -> str | None:
    """A file may hold both: pseudo masks and the points that got none."""
    if any(one.get("segmentation") for one in coco["annotations"]):
        return "masks"
    return "points" if any("point" in one for one in coco["annotations"]) else None


def _unwritable(contents: Mapping[Path, Mapping[str, Any]]) -> Iterator[str]:
    """What has a number that JSON cannot say."""
    for path, coco in contents.items():
        for part, word in {"images": "image", "annotations": "annotation", "categories": "category"}.items():
            for one in coco[part]:
                try:
                    dumps(one)
                except ValueError:
                    yield f"{path}: {word} {one['id']}: a number is NaN or infinite; correct it"


def _clashes(contents: Mapping[Path, Mapping[str, Any]], part: str, key: str, remedy: str) -> list[str]:
    """Values of a key that two files have."""
    owner: dict[Any, Path] = {}
    problems = []
    for path, coco in contents.items():
        own = [repr(one[key]) for one in coco[part]]
        problems += [f"{path}: {key} {value} of its {part} is also in {owner[value]}; {remedy}" for value in own
                     if value in owner]  # fmt: skip
        owner.update(dict.fromkeys(own, path))
    return problems
