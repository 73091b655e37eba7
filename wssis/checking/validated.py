"""Images of half-labelled data that are trained on and validated on: certain ones are a problem, no mere warning."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from wssis.checking.parts import VAL, Contents, Part
from wssis.formats.coco_check import bad_file_name
from wssis.formats.remark import Fault, Remark


def trained_and_validated(parts: Sequence[Part], contents: Contents) -> Iterator[Remark]:
    """Training images of a half-labelled data set that are validation images, too: of one name in one folder.

    Copies under another name or in another folder are for the warnings, which look at the pixels.
    """
    val = next((part for part in parts if part.name == VAL and VAL in contents), None)
    if val is None or val.images is None or all(part.labels == "masks" for part in parts):
        return
    names = {_name(image): image for image in _named(contents[VAL])}
    for part in parts:
        if part is val or part.images is None or part.name not in contents:
            continue
        if part.images.resolve() != val.images.resolve():
            continue
        for image in _named(contents[part.name]):
            other = names.get(_name(image))
            if other is not None:
                what = f"{image['file_name']!r} is also image {other.get('id')!r} of {val.annotations}, to validate on"
                remedy = f"take it out of this file (wssis join and wssis convert take --without {val.annotations})"
                yield Fault("image in training and validation", what, remedy).at(
                    part.annotations, f"image {image.get('id')!r}"
                )


def _named(coco: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The images whose file names are legal."""
    images = (image for image in coco["images"] if isinstance(image, dict))
    return (image for image in images if bad_file_name(image.get("file_name")) is None)


def _name(image: Mapping[str, Any]) -> PurePosixPath:
    return PurePosixPath(image["file_name"])
