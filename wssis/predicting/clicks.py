"""Points that a user clicked: weak.json, or a CSV file with the columns image, x, y, category.

A point is [x, y] in pixel indices: (0, 0) is the centre of the top-left pixel. In a CSV file, as labelling tools write
it and `wssis convert` reads it, pixel corners are at integers: (0.5, 0.5) is that centre.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any

from wssis.errors import InputError
from wssis.formats.coco_check import bad_size, images_alike, point_problems
from wssis.formats.importers.csv_points import COLUMNS, point_rows
from wssis.formats.importers.image_sizes import ImageSizes
from wssis.formats.json_text import loads
from wssis.formats.points import from_corners, off_the_edge
from wssis.predicting.picture_names import PictureNames
from wssis.predicting.pictures import Picture

KEYS = ("id", "category_id", "point")
"""What a point's annotation must have beside its image_id; others, such as a mask that it was given, are not read."""
SHOWN = 20
"""Problems that are printed in full; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Click:
    """One point: its id in the file (CSV: the number of its row, from 1), its image as named there, its category.

    image_id, image_size: the image's id, and width and height, px, as a JSON file says; None where it does not.
    """

    id: int
    image: str
    category_id: int
    point: tuple[float, float]
    image_id: object = None
    image_size: tuple[int, int] | None = None


def read_clicks(path: Path, categories: Sequence[Mapping[str, Any]]) -> list[Click]:
    """The points of a file, in its order.

    Args:
        categories: {id, name} of the teacher. In a CSV file a category is a name or an id of these; a JSON file's
            categories must have the same ids and names.

    Raises:
        InputError: the file is missing, has another form, no point, or an unsound one; all such points at once.
    """
    if not path.is_file():
        raise InputError(f"{path}: not found; correct --points")
    clicks = _from_json(path, categories) if _is_json(path) else _from_csv(path, categories)
    if not clicks:
        raise InputError(f"{path}: has no points; set some, or leave --points out to detect without them")
    return clicks


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _from_json(path: Path, categories: Sequence[Mapping[str, Any]]) -> list[Click]:
    try:
        content = loads(path.read_bytes())
        named = {one["id"]: one["name"] for one in content["categories"]}
        images = {repr(one["id"]): one for one in content["images"]}
        own_images = [images[repr(one["image_id"])] for one in content["annotations"]]
        points = [{key: one[key] for key in KEYS if key in one} for one in content["annotations"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: not a file of points ({type(error).__name__}: {error}); it needs images (id, file_name),"
            " annotations (id, image_id, category_id, point [x, y]) and categories (id, name), as weak.json has them"
        ) from None
    own = {one["id"]: one["name"] for one in categories}
    if named != own:
        raise InputError(f"{path}: its categories {named} are not the teacher's: {own}")
    problems = [*_image_problems(content["images"])]
    problems += [f"point {one.get('id')!r}: {fault}" for one in points for fault in point_problems(one, None, own)]
    _refuse(path, problems)
    twice = [number for number, count in Counter(one["id"] for one in points).items() if count > 1]
    _refuse(path, [f"point {number}: this id occurs more than once; renumber" for number in twice])
    return [
        Click(one["id"], image["file_name"], one["category_id"], (float(one["point"][0]), float(one["point"][1])),
              image["id"], _sides(image))
        for one, image in zip(points, own_images, strict=True)
    ]  # fmt: skip


def _image_problems(images: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Images without a name, with a senseless size, or taken for another; a file need not tell sizes."""
    for one in images:
        if not _is_name(one.get("file_name")):
            yield f"image {one['id']!r}: has no file_name; name its file"
        if _sides(one) is not None and (fault := bad_size(one)):
            yield f"image {one['id']!r}: {fault}"
    yield from (f"image {number}: {fault}" for number, fault in images_alike(images))


def _sides(image: Mapping[str, Any]) -> tuple[Any, Any] | None:
    """Width and height as a file has them; None where it has neither."""
    sides = (image.get("width"), image.get("height"))
    return None if sides == (None, None) else sides


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _from_csv(path: Path, categories: Sequence[Mapping[str, Any]]) -> list[Click]:
    ids = {str(one["id"]): one["id"] for one in categories} | {str(one["name"]): one["id"] for one in categories}
    clicks, problems = [], []
    for number, (_, row) in enumerate(point_rows(path), start=1):
        image, x, y, category = (row[name] for name in COLUMNS)
        if not (x or y or category):  # An image that was looked at, and has no object.
            continue
        try:
            clicks.append(Click(number, image, ids[category], from_corners(float(x), float(y))))
        except KeyError:
            problems.append(f"row {number}: unknown category {category!r}; known: {', '.join(ids)}")
        except ValueError:
            problems.append(f"row {number}: x and y must be numbers, not {x!r}, {y!r}")
    _refuse(path, problems)
    return clicks


def clicks_by_picture(
    path: Path, clicks: Sequence[Click], pictures: Sequence[Picture], unreadable: Mapping[str, Path]
) -> tuple[dict[str, list[Click]], list[Click]]:
    """file_name -> its points, for the images that have any; and the points whose image is not given.

    A point's image is an image's file_name, or the end of the path at which it lies, if that is unique.

    Args:
        unreadable: file_name -> file of images that are given and cannot be read, so that their size is unknown.

    Raises:
        InputError: points outside their image, or set on one of another size or turned, all at once; an image name that
            fits several pictures, or several names that fit one.
    """
    names = PictureNames({one.file_name: one.path for one in pictures} | dict(unreadable))
    groups: dict[str, list[Click]] = defaultdict(list)
    missing, problems = [], []
    for click in clicks:
        fitting = names.meant_by(click.image)
        if len(fitting) > 1:
            problems.append(f"point {click.id}: {click.image} may be {' or '.join(fitting)}; name its folders, too")
        elif fitting:
            groups[fitting[0]].append(click)
        else:
            missing.append(click)
    problems += [problem for name, own in groups.items() for problem in _several_names(name, own)]
    for picture in pictures:
        if own := groups.get(picture.file_name):
            groups[picture.file_name], outside = _placed(own, picture)
            # Points of another scale or turn lie outside for that reason.
            problems += list(_shown_otherwise(path, own, picture)) or outside
    _refuse(path, problems)
    return dict(groups), missing


def _several_names(picture: str, clicks: Sequence[Click]) -> Iterator[str]:
    """Two names may be two images, of which one was not given: points of one would be put onto the other."""
    firsts: dict[str, int] = {}
    for click in clicks:
        firsts.setdefault(str(PurePosixPath(click.image)), click.id)
    if len(firsts) > 1:
        said = " and ".join(f"{name} (point {number})" for name, number in firsts.items())
        yield f"{said} would both be {picture}; call an image by one name, and different ones by their folders, too"


def _shown_otherwise(path: Path, clicks: Sequence[Click], picture: Picture) -> Iterator[str]:
    """What `wssis convert` says of a picture that was clicked in another size, or, in a tool of CSV files, turned."""
    first = clicks[0]
    upright = not _is_json(path)
    if (upright and picture.turned) or first.image_size not in (None, (picture.width, picture.height)):
        try:
            ImageSizes(picture.path.parent, upright).agreed(picture.path.name, first.image_size)
        except InputError as error:
            yield f"{f'point {first.id}' if upright else f'image {first.image_id!r}'}: {error}"


def _placed(clicks: Sequence[Click], picture: Picture) -> tuple[list[Click], list[str]]:
    """The points of a picture, those on its far edges just within; and what is wrong with those that lie outside."""
    size = (picture.width, picture.height)
    placed = [replace(click, point=_off_the_edges(click.point, size)) for click in clicks]
    outside = [one for one in placed if not _inside(one.point, size)]
    has = f"which has {size[0]} x {size[1]} px"
    return placed, [f"point {o.id}: {list(o.point)}, in pixel indices, is outside {o.image}, {has}" for o in outside]


def _off_the_edges(point: tuple[float, float], size: tuple[int, int]) -> tuple[float, float]:
    return off_the_edge(point[0], size[0]), off_the_edge(point[1], size[1])


def _inside(point: tuple[float, float], size: tuple[int, int]) -> bool:
    """size: width and height, px."""
    return all(isfinite(value) and -0.5 <= value < side - 0.5 for value, side in zip(point, size, strict=True))


def _refuse(path: Path, problems: Sequence[str]) -> None:
    if problems:
        rest = [f"... and {len(problems) - SHOWN} more of the like"] if len(problems) > SHOWN else []
        raise InputError("\n".join([f"{path}: {len(problems)} problem(s):", *problems[:SHOWN], *rest]))
