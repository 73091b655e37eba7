"""What a labelling session is about: its images, classes, and points or boxes that were given."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wssis.annotate.image_content import image_size
from wssis.errors import InputError
from wssis.formats.coco_check import TOLERANCE, bad_file_name
from wssis.formats.importers.collected import Categories
from wssis.formats.importers.reader import objects, pair, read_json
from wssis.predicting.pictures import find_pictures

SHOWN = 20
"""Problems that are printed in full; the rest is counted."""


@dataclass(frozen=True, slots=True)
class LabelImage:
    """One image: its COCO id, its name relative to the image folder, and its stored size, px."""

    id: int
    file_name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class GivenPoint:
    """A point of a file that was given; pixel indices."""

    id: int
    image_id: int
    category_id: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Box:
    """A given box: [x, y, w, h], px, pixel corners at integers."""

    id: int
    image_id: int
    category_id: int
    bbox: list[float]


@dataclass(frozen=True)
class Request:
    """What `wssis annotate` was asked for; see its options."""

    images: Sequence[Path]
    out: Path
    categories: Path | None = None
    classes: Sequence[str] = ()
    images_from: Path | None = None
    points: Path | None = None
    boxes: Path | None = None
    points_per_box: int = 10
    seed: int = 0


@dataclass(frozen=True)
class Setup:
    """A session as its journal begins.

    Attributes:
        categories: id -> name.
        points: those of the file that was given; seen: images of that file, which count as finished.
        first_annotation: the id of the first new point.
        boxes, points_per_box, seed: of the second view; boxes in the order of their images.
        left_out: number of images that were left out since they have masks.
        crowds: crowd regions among the boxes, which get no points.
    """

    images: list[LabelImage]
    categories: dict[int, str]
    points: list[GivenPoint] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    first_annotation: int = 1
    boxes: list[Box] = field(default_factory=list)
    points_per_box: int = 0
    seed: int = 0
    left_out: int = 0
    crowds: int = 0

    def as_json(self) -> dict[str, Any]:
        """The first line of its journal."""
        return asdict(self)


def setup_of(line: Mapping[str, Any]) -> Setup:
    """The setup in the first line of a journal."""
    values = dict(line)
    lists = {"images": LabelImage, "points": GivenPoint, "boxes": Box}
    values |= {key: [kind(**item) for item in values[key]] for key, kind in lists.items()}
    # JSON's keys are texts.
    values["categories"] = {int(key): name for key, name in values["categories"].items()}
    return Setup(**values)


def find_files(request: Request) -> dict[str, Path]:
    """file_name -> image file: all in the given folders, or those that --images-from lists.

    Raises:
        InputError: a listed image is missing, or there is none.
    """
    if request.images_from is None:
        return find_pictures(request.images, request.out)
    if len(request.images) != 1 or not request.images[0].is_dir():
        raise InputError("--images-from lists images of one folder; give that folder, and nothing else")
    names = [_name(item, request.images_from) for item in _list(request.images_from, "images")]
    files = {name: request.images[0] / name for name in names}
    missing = [f"{request.images_from}: {path}: missing; correct the folder" for path in files.values()
               if not path.is_file()]  # fmt: skip
    _refuse(missing)
    if not files:
        raise InputError(f"{request.images_from}: lists no image")
    return files


def new_setup(request: Request, files: Mapping[str, Path]) -> Setup:
    """Read what was given and number the images.

    Ids come from --images-from, --points or --boxes where they list an image; others follow those of all given files.

    Raises:
        InputError: a file is not what it should be; the classes are unknown or disagree; a point or box makes no
            sense; an image cannot be read. All problems of one file at once.
    """
    masked = _masked_images(request)
    kept = {name: path for name, path in files.items() if name not in masked}
    if not kept:
        raise InputError(f"{request.categories}: has masks of all these images; there is nothing to label")
    given = [path for path in (request.images_from, request.points, request.boxes) if path is not None]
    known = _known_ids(given)
    taken = [*known.values(), *masked.values()]
    images = number_images(kept, known, max(taken, default=0) + 1)
    categories = _categories(request)
    setup = {"images": images, "categories": categories, "left_out": len(files) - len(kept)}
    if request.boxes is not None:
        boxes, crowds = _boxes(request.boxes, images, categories)
        more = {"boxes": boxes, "points_per_box": request.points_per_box, "seed": request.seed, "crowds": crowds}
        return Setup(**setup, **more)
    first = _highest_annotation(request.categories) + 1
    if request.points is None:
        return Setup(**setup, first_annotation=first)
    points, seen = _points(request.points, images, categories)
    return Setup(**setup, points=points, seen=seen, first_annotation=first)


def number_images(files: Mapping[str, Path], known: Mapping[str, int], first: int) -> list[LabelImage]:
    """Images with their sizes; those without a known id are numbered from `first`.

    Raises:
        InputError: images that cannot be read, all at once.
    """
    images, problems = [], []
    for name, path in files.items():
        try:
            width, height = image_size(path)
        except InputError as error:
            problems.append(str(error))
            continue
        if name not in known:
            number, first = first, first + 1
        images.append(LabelImage(known[name] if name in known else number, name, width, height))
    _refuse(problems)
    return images


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        rest = [f"... and {len(problems) - SHOWN} more of the like"] if len(problems) > SHOWN else []
        raise InputError("\n".join([*problems[:SHOWN], *rest]))


def _list(path: Path, key: str) -> list[dict[str, Any]]:
    """One list of a COCO file."""
    coco = read_json(path)
    if not isinstance(coco, dict) or not isinstance(coco.get(key), list):
        raise InputError(f'{path}: has no list "{key}"; a COCO file is expected')
    return list(objects(coco[key]))


def _name(image: Mapping[str, Any], path: Path) -> str:
    reason = bad_file_name(image.get("file_name"))
    if reason:
        raise InputError(f"{path}: image {image.get('id')!r}: {reason}")
    return str(image["file_name"])


def _known_ids(paths: Iterable[Path]) -> dict[str, int]:
    """file_name -> id, of all these files together."""
    known: dict[str, int] = {}
    for path in paths:
        images = _list(path, "images")
        twice = [n for n, count in Counter(str(image.get("id")) for image in images).items() if count > 1]
        if twice:
            raise InputError(f"{path}: image {twice[0]}: this id occurs more than once; keep one of them")
        for image in images:
            name, number = _name(image, path), image.get("id")
            if type(number) is not int or known.get(name, number) != number:
                reason = f"{name} has id {number!r}, not {known.get(name, 'an integer')}; correct one of them"
                raise InputError(f"{path}: {reason}")
            known[name] = number
    by_id = Counter(known.values())
    clashing = [name for name, number in known.items() if by_id[number] > 1]
    if clashing:
        raise InputError(f"{', '.join(map(str, paths))}: {' and '.join(clashing)} share an id; renumber one of them")
    return known


def _masked_images(request: Request) -> dict[str, int]:
    """file_name -> id of the images in the file of --categories, where that file holds masks: they are labelled."""
    if request.categories is None:
        return {}
    coco = read_json(request.categories)
    annotations = objects(coco.get("annotations") if isinstance(coco, dict) else None)
    if not any(annotation.get("segmentation") for annotation in annotations):
        return {}
    return {_name(image, request.categories): image["id"] for image in _list(request.categories, "images")}


def _highest_annotation(path: Path | None) -> int:
    coco = {} if path is None else read_json(path)
    ids = (annotation.get("id") for annotation in objects(coco.get("annotations")))
    return max((number for number in ids if type(number) is int), default=0)


def _categories(request: Request) -> dict[int, str]:
    """Id -> name: from --categories, else --class, else the given points or boxes."""
    if request.categories is not None and request.classes:
        raise InputError("--categories and --class: give one of them")
    if request.classes:
        twice = [name for name, count in Counter(request.classes).items() if count > 1 or not name.strip()]
        if twice:
            raise InputError(f"--class: {twice[0]!r} is empty or given twice")
        return dict(enumerate(request.classes, start=1))
    given = [path for path in (request.categories, request.points, request.boxes) if path is not None]
    if not given:
        raise InputError("which classes? give --categories FILE (COCO, such as full.json), or --class NAME for each")
    names = Categories.listed(_list(given[0], "categories"), given[0]).names
    if not names:
        raise InputError(f"{given[0]}: lists no categories")
    for other in given[1:]:
        own = Categories.listed(_list(other, "categories"), other).names
        wrong = [f"{key} {name!r}" for key, name in own.items() if names.get(key) != name]
        if wrong:
            raise InputError(f"{other}: category {', '.join(wrong)} is not so in {given[0]}; make them agree")
    return names


def _points(
    path: Path, images: Sequence[LabelImage], categories: Mapping[int, str]
) -> tuple[list[GivenPoint], list[int]]:
    """The points of a file in weak.json's form, and the images that it lists."""
    by_id = {image.id: image for image in images}
    points, problems, used = [], [], set()
    seen, unknown = [], []
    for image in _list(path, "images"):
        (seen if image.get("id") in by_id else unknown).append(image.get("id"))
    problems += [f"{path}: image {one!r} is not among IMAGES; add it, or remove it from the file" for one in unknown]
    for item in _list(path, "annotations"):
        number, image, (x, y) = item.get("id"), by_id.get(item.get("image_id", -1)), pair(item.get("point"))
        reason = _wrong_label(item, image, categories, used)
        if reason is None and not (math.isfinite(x) and math.isfinite(y)):
            reason = "has no point [x, y]; `wssis convert points` makes such a file"
        elif reason is None and not (-0.5 <= x < image.width - 0.5 and -0.5 <= y < image.height - 0.5):
            reason = f"({x:g}, {y:g}) lies outside {image.file_name} of {image.width} x {image.height}; remove it"
        if reason is not None:
            problems.append(f"{path}: annotation {number!r}: {reason}")
            continue
        used.add(number)
        points.append(GivenPoint(number, image.id, item["category_id"], x, y))
    _refuse(problems)
    return points, seen


def _wrong_label(
    item: Mapping[str, Any], image: LabelImage | None, categories: Mapping[int, str], used: set[int]
) -> str | None:
    """Why an annotation's ids cannot be taken, or None."""
    if type(item.get("id")) is not int or item["id"] in used:
        return "needs an integer id of its own; number the annotations anew"
    if image is None:
        return f"its image {item.get('image_id')!r} is not among IMAGES; add it, or remove the annotation"
    if item.get("category_id") not in categories:
        return f"unknown category_id {item.get('category_id')!r}; add the category or correct the id"
    return None


def _boxes(path: Path, images: Sequence[LabelImage], categories: Mapping[int, str]) -> tuple[list[Box], int]:
    """The boxes of a COCO file, image by image, and the number of crowd regions, which are left out."""
    by_id = {image.id: image for image in images}
    places = {image.id: place for place, image in enumerate(images)}
    known = {image.get("id") for image in _list(path, "images")}
    problems = [f"{path}: {i.file_name} is not in this file; take it out of IMAGES, or list its boxes"
                for i in images if i.id not in known]  # fmt: skip
    boxes: list[Box] = []
    used: set[int] = set()
    crowds = 0
    for item in _list(path, "annotations"):
        if item.get("iscrowd"):
            crowds += 1
            continue
        if item.get("image_id") in known and item["image_id"] not in by_id:
            continue  # An image that is not labelled now.
        image = by_id.get(item.get("image_id", -1))
        reason = _wrong_label(item, image, categories, used) or _wrong_box(item.get("bbox"), image)
        if reason is not None:
            problems.append(f"{path}: annotation {item.get('id')!r}: {reason}")
            continue
        used.add(item["id"])
        boxes.append(Box(item["id"], item["image_id"], item["category_id"], [float(side) for side in item["bbox"]]))
    _refuse(problems)
    if not boxes:
        raise InputError(f"{path}: has no box on these images")
    return sorted(boxes, key=lambda box: places[box.image_id]), crowds


def _wrong_box(box: object, image: LabelImage | None) -> str | None:
    """Why a box cannot be taken, or None."""
    numbers = isinstance(box, list) and len(box) == 4 and all(type(side) in (int, float) for side in box)
    if not numbers or not all(math.isfinite(side) for side in box):
        return f"bbox {box!r} must be four numbers, x, y, width, height; correct it"
    x, y, width, height = box
    if width <= 0 or height <= 0 or not (x < image.width and y < image.height and x + width > 0 and y + height > 0):
        return f"bbox {box} has no part in {image.file_name} of {image.width} x {image.height}; correct or remove it"
    if min(x, y) < -TOLERANCE or x + width > image.width + TOLERANCE or y + height > image.height + TOLERANCE:
        return f"bbox {box} reaches out of {image.file_name} of {image.width} x {image.height}; clip it"
    return None
