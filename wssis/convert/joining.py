"""Several COCO files as one: masks that came from several places, or clicks of several people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wssis.errors import refuse
from wssis.formats.coco import read_coco, write_coco

UNIQUE = (("images", "file_name", "keep the image in one of them"),
          ("images", "id", "number one file anew (wssis convert takes --first-id)"),
          ("annotations", "id", "number one file anew (wssis convert takes --first-id)"))  # fmt: skip
"""List, its key that may not occur twice, and the remedy where it does."""


def join_files(files: Sequence[Path], out: Path) -> dict[str, int]:
    """Write the images and annotations of all files, in their order, with the categories of the first.

    Returns the numbers of images and annotations written.

    Raises:
        InputError: the files differ in their categories, or share an id or an image; all clashes at once.
    """
    contents = {path: read_coco(path) for path in files}
    problems = [*_category_problems(contents)]
    for part, key, remedy in UNIQUE:
        problems += _clashes(contents, part, key, remedy)
    refuse(problems)
    joined = {part: [one for coco in contents.values() for one in coco[part]] for part in ("images", "annotations")}
    write_coco(out, {**joined, "categories": next(iter(contents.values()))["categories"]})
    return {part: len(joined[part]) for part in joined}


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
