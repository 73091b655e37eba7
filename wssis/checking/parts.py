"""The parts of a data set, read and checked together: every problem of annotations and images in one list."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wssis.checking.clashes import clashes
from wssis.checking.survey import survey_images
from wssis.formats.coco_check import Labels, bad_file_name, check_coco, is_sized
from wssis.formats.given_file import read_given
from wssis.formats.image_check import ExpectedImage
from wssis.formats.remark import Fault, Remark

VAL = "val"
"""Name of the part that is evaluated on; all others are trained on."""


@dataclass(frozen=True)
class Part:
    """One annotation file and its images.

    Attributes:
        name: train and val; or full, weak, unlabelled and val.
        images: folder of the images; None where they are not looked at.
        labels: what the annotations hold.
    """

    name: str
    annotations: Path
    images: Path | None
    labels: Labels = "masks"


FileAndFolder = tuple[Path | str | None, Path | str | None]
"""An annotation file, None where there is none, and its image folder, None where images are not looked at."""


def half_labelled_parts(
    full: FileAndFolder, weak: FileAndFolder, unlabelled: FileAndFolder, val: FileAndFolder
) -> list[Part]:
    """The files of a half-labelled data set, those that there are."""
    given: list[tuple[str, FileAndFolder, Labels]] = [
        ("full", full, "masks"), ("weak", weak, "points"), ("unlabelled", unlabelled, "none"), (VAL, val, "masks")
    ]  # fmt: skip
    return [
        Part(name, Path(file), None if folder is None else Path(folder), labels)
        for name, (file, folder), labels in given
        if file is not None
    ]


Contents = Mapping[str, Mapping[str, Any]]
"""Name of a part -> content of its annotation file; a file that cannot be read is not among them."""


def read_parts(parts: Sequence[Part]) -> tuple[dict[str, dict[str, Any]], list[Remark]]:
    """Content of every annotation file that can be read, and what is wrong with the others."""
    contents, problems = {}, []
    for part in parts:
        found = read_given(part.annotations, images_alone=part.labels == "none")
        if isinstance(found, Fault):
            problems.append(found.at(part.annotations))
        else:
            contents[part.name] = found
    return contents, problems


def annotation_problems(parts: Sequence[Part], contents: Contents, zero_area: str = "refuse") -> list[Remark]:
    """All problems of the annotation files, each in itself and with one another."""
    there = [part for part in parts if part.name in contents]
    problems = [
        remark
        for part in there
        for remark in check_coco(contents[part.name], part.annotations, zero_area, part.labels)
    ]
    for part in there[1:]:
        problems += _other_categories(there[0], part, contents)
    trained = [(str(part.annotations), contents[part.name]) for part in there if part.name != VAL]
    return [*problems, *(clashes(trained[0], trained[1:]) if trained else ())]


def image_problems(parts: Sequence[Part], contents: Contents, workers: int = 0) -> list[Remark]:
    """All problems of the image files, as far as the annotations say which they are."""
    return missing_folders(parts) + survey_images(expected_images(parts, contents), workers).problems


def missing_folders(parts: Sequence[Part]) -> list[Remark]:
    """Image folders that are not there, each once."""
    folders = dict.fromkeys(part.images for part in parts if part.images is not None)
    fault = Fault("image folder", "is no folder", "correct the path, or put the images there")
    return [fault.at(folder) for folder in folders if not folder.is_dir()]


def expected_images(parts: Sequence[Part], contents: Contents) -> list[ExpectedImage]:
    """The images that can be looked for, part by part, in the order of their ids."""
    return [
        image
        for part in parts
        if part.name in contents and part.images is not None and part.images.is_dir()
        for image in _expected(part, contents[part.name])
    ]


def _expected(part: Part, coco: Mapping[str, Any]) -> list[ExpectedImage]:
    points: dict[int, list[tuple[int, float, float]]] = {}
    for one in _objects(coco["annotations"]):
        match one:
            case {"point": [int() | float() as x, int() | float() as y], "id": int(number), "image_id": int(image)}:
                points.setdefault(image, []).append((number, x, y))
    images = [
        image
        for image in _objects(coco["images"])
        if type(image.get("id")) is int and bad_file_name(image.get("file_name")) is None
    ]
    return [
        ExpectedImage(
            part.name, image["id"], image["file_name"], Path(part.images or ""),
            (image["width"], image["height"]) if is_sized(image) else None, tuple(points.get(image["id"], ())),
        )
        for image in sorted(images, key=lambda image: image["id"])
    ]  # fmt: skip


def _objects(items: Sequence[Any]) -> Iterator[dict[str, Any]]:
    return (item for item in items if isinstance(item, dict))


def _other_categories(first: Part, part: Part, contents: Contents) -> Iterator[Remark]:
    """Categories of a part that the first part has not, or under another name."""
    names = dict(_sound_categories(contents[first.name]))
    for identity, name in _sound_categories(contents[part.name]):
        if names.get(identity) != name:
            there = f"called {names[identity]!r}" if identity in names else "missing"
            what = f"{name!r} is {there} in {first.annotations}"
            yield Fault("category", what, "make both lists equal").at(part.annotations, f"category {identity}")


def _sound_categories(coco: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    for category in _objects(coco["categories"]):
        if type(category.get("id")) is int and isinstance(category.get("name"), str):
            yield category["id"], category["name"]
