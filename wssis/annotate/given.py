"""From what `wssis annotate` was given to a session's setup: which images there are, their ids, and the classes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from wssis.annotate.coco_file import CocoFile, known_ids
from wssis.annotate.given_labels import read_boxes, read_points
from wssis.annotate.image_content import image_size
from wssis.annotate.setup import LabelImage, Request, Setup
from wssis.errors import InputError, refuse
from wssis.formats.importers.collected import Categories
from wssis.predicting.pictures import find_pictures


def find_files(request: Request) -> dict[str, Path]:
    """file_name -> image file: all in the given folders, or those that --images-from lists.

    Raises:
        InputError: a listed image is missing, or there is none.
    """
    if request.images_from is None:
        return find_pictures(request.images, request.out)
    if len(request.images) != 1 or not request.images[0].is_dir():
        raise InputError("--images-from lists images of one folder; give that folder, and nothing else")
    listed = CocoFile.read(request.images_from)
    names = [listed.name(item) for item in listed.items("images")]
    files = {name: request.images[0] / name for name in names}
    missing = [f"{request.images_from}: {path}: missing; correct the folder" for path in files.values()
               if not path.is_file()]  # fmt: skip
    refuse(missing)
    if not files:
        raise InputError(f"{request.images_from}: lists no image")
    return files


def read_given(request: Request) -> dict[str, CocoFile]:
    """The COCO files that were given, each read once, by the option."""
    paths = {"categories": request.categories, "images": request.images_from,
             "points": request.points, "boxes": request.boxes}  # fmt: skip
    return {key: CocoFile.read(path) for key, path in paths.items() if path is not None}


def new_setup(request: Request, files: Mapping[str, Path], given: Mapping[str, CocoFile] | None = None) -> Setup:
    """Look through what was given, and number the images; given: as `read_given` has it.

    Ids come from --images-from, --points or --boxes where they list an image; others follow those of all given files.

    Raises:
        InputError: a file is not what it should be; the classes are unknown or disagree; a point or box makes no
            sense; an image cannot be read. All problems of one file at once.
    """
    given = read_given(request) if given is None else given
    masked = _masked_images(given.get("categories"))
    kept = {name: path for name, path in files.items() if name not in masked}
    if not kept:
        raise InputError(f"{request.categories}: has masks of all these images; there is nothing to label")
    images = number_images(kept, given)
    names = [given[key] for key in ("categories", "points", "boxes") if key in given]
    categories = _categories(request, names)
    setup = {"images": images, "categories": categories, "left_out": len(files) - len(kept),
             "narrowed_by": request.narrowed_by}  # fmt: skip
    if "boxes" in given:
        boxes, crowds = read_boxes(given["boxes"], images, categories)
        more = {"boxes": boxes, "points_per_box": request.points_per_box, "seed": request.seed, "crowds": crowds}
        return Setup(**setup, **more)
    first = _highest_annotation(given.get("categories")) + 1
    if "points" not in given:
        return Setup(**setup, first_annotation=first)
    points, seen = read_points(given["points"], images, categories)
    return Setup(**setup, points=points, seen=seen, first_annotation=first)


def number_images(
    files: Mapping[str, Path], given: Mapping[str, CocoFile], begun: Sequence[LabelImage] = ()
) -> list[LabelImage]:
    """Images with their sizes, and the ids that the given files list; others are numbered behind all ids.

    Args:
        begun: other images, which the session has already.

    Raises:
        InputError: a listed id is another image's, of the session or with masks; images that cannot be read, all at
            once.
    """
    listing = [given[key] for key in ("images", "points", "boxes") if key in given]
    known = known_ids(listing)
    taken = {number: f"{name} in {given['categories'].path}"
             for name, number in _masked_images(given.get("categories")).items()}  # fmt: skip
    taken |= {image.id: f"{image.file_name} of this session" for image in begun}
    where = ", ".join(str(file.path) for file in listing)
    refuse([f"{where}: {name} has id {known[name]}, which {taken[known[name]]} has; give it another one"
            for name in files if known.get(name) in taken])  # fmt: skip
    return _sized_images(files, known, max([*known.values(), *taken], default=0) + 1)


def _sized_images(files: Mapping[str, Path], known: Mapping[str, int], first: int) -> list[LabelImage]:
    """Images with their sizes; those without a known id are numbered from `first`."""
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
    refuse(problems)
    return images


def _masked_images(categories: CocoFile | None) -> dict[str, int]:
    """file_name -> id of the images in the file of --categories, where that file holds masks: they are labelled."""
    if categories is None or not any(one.get("segmentation") for one in categories.annotations()):
        return {}
    return known_ids([categories])


def _highest_annotation(categories: CocoFile | None) -> int:
    ids = (one.get("id") for one in categories.annotations()) if categories else ()
    return max((number for number in ids if type(number) is int), default=0)


def _categories(request: Request, given: Sequence[CocoFile]) -> dict[int, str]:
    """Id -> name: from --class, else from the files that were given, which must agree."""
    if request.categories is not None and request.classes:
        raise InputError("--categories and --class: give one of them")
    if request.classes:
        twice = [name for name, count in Counter(request.classes).items() if count > 1 or not name.strip()]
        if twice:
            raise InputError(f"--class: {twice[0]!r} is empty or given twice")
        return dict(enumerate(request.classes, start=1))
    if not given:
        raise InputError("which classes? give --categories FILE (COCO, such as full.json), or --class NAME for each")
    names = Categories.listed(given[0].items("categories"), given[0].path).names
    if not names:
        raise InputError(f"{given[0].path}: lists no categories")
    for other in given[1:]:
        own = Categories.listed(other.items("categories"), other.path).names
        wrong = [f"{key} {name!r}" for key, name in own.items() if names.get(key) != name]
        if wrong:
            raise InputError(f"{other.path}: category {', '.join(wrong)} is not so in {given[0].path}; make them agree")
    return names
