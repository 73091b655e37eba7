"""Points that a user clicked: weak.json, or a CSV file with the columns image, x, y, category.

A point is [x, y] in pixel indices: (0, 0) is the centre of the top-left pixel. In a CSV file, as labelling tools write
it and `wssis convert` reads it, pixel corners are at integers: (0.5, 0.5) is that centre.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any

from wssis.errors import InputError
from wssis.formats.coco_check import point_problems
from wssis.formats.importers.csv_points import COLUMNS, point_rows
from wssis.formats.json_text import loads
from wssis.formats.points import off_the_edge
from wssis.predicting.pictures import Picture

KEYS = ("id", "category_id", "point")
"""What a point's annotation must have beside its image_id; others, such as a mask that it was given, are not read."""
SHOWN = 20
"""Problems that are printed in full; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Click:
    """One point: its id in the file (CSV: the number of its row, from 1), its image as named there, its category."""

    id: int
    image: str
    category_id: int
    point: tuple[float, float]


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
    clicks = _from_json(path, categories) if path.suffix.lower() == ".json" else _from_csv(path, categories)
    if not clicks:
        raise InputError(f"{path}: has no points; set some, or leave --points out to detect without them")
    return clicks


def _from_json(path: Path, categories: Sequence[Mapping[str, Any]]) -> list[Click]:
    try:
        content = loads(path.read_bytes())
        images = {repr(one["id"]): one["file_name"] for one in content["images"]}
        named = {one["id"]: one["name"] for one in content["categories"]}
        files = [images[repr(one["image_id"])] for one in content["annotations"]]
        points = [{key: one[key] for key in KEYS if key in one} for one in content["annotations"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: not a file of points ({type(error).__name__}: {error}); it needs images (id, file_name),"
            " annotations (id, image_id, category_id, point [x, y]) and categories (id, name), as weak.json has them"
        ) from None
    own = {one["id"]: one["name"] for one in categories}
    if named != own:
        raise InputError(f"{path}: its categories {named} are not the teacher's: {own}")
    nameless = [image for image, name in images.items() if not _is_name(name)]
    problems = [f"image {image}: has no file_name; name its file" for image in nameless]
    problems += [f"point {one.get('id')!r}: {fault}" for one in points for fault in point_problems(one, None, own)]
    _refuse(path, problems)
    twice = [number for number, count in Counter(one["id"] for one in points).items() if count > 1]
    _refuse(path, [f"point {number}: this id occurs more than once" for number in twice])
    return [
        Click(one["id"], name, one["category_id"], (float(one["point"][0]), float(one["point"][1])))
        for one, name in zip(points, files, strict=True)
    ]


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
            clicks.append(Click(number, image, ids[category], (float(x) - 0.5, float(y) - 0.5)))
        except KeyError:
            problems.append(f"row {number}: unknown category {category!r}; known: {', '.join(ids)}")
        except ValueError:
            problems.append(f"row {number}: x and y must be numbers, not {x!r}, {y!r}")
    _refuse(path, problems)
    return clicks


def clicks_by_picture(
    path: Path, clicks: Sequence[Click], pictures: Sequence[Picture], unreadable: Collection[str] = ()
) -> tuple[dict[str, list[Click]], list[Click]]:
    """file_name -> its points, for the images that have any; and the points whose image is not given.

    A point's image is an image's file_name, or the end of it, or ends with it, whole parts only, if that is unique.

    Args:
        unreadable: file_names of images that are given and cannot be read, so that their size is unknown.

    Raises:
        InputError: points outside their image, all at once, or an image name that fits several pictures.
    """
    sides = {one.file_name: (one.width, one.height) for one in pictures} | dict.fromkeys(unreadable)
    by_last: dict[str, list[str]] = defaultdict(list)
    for name in sides:
        by_last[PurePosixPath(name).name].append(name)
    groups: dict[str, list[Click]] = defaultdict(list)
    missing, problems = [], []
    for click in clicks:
        near = by_last.get(PurePosixPath(click.image).name, [])
        fitting = [click.image] if click.image in sides else [one for one in near if _same_end(click.image, one)]
        if not fitting:
            missing.append(click)
            continue
        size = sides[fitting[0]]
        if len(fitting) > 1:
            problems.append(f"point {click.id}: {click.image} may be {' or '.join(fitting)}")
        elif size is None:
            groups[fitting[0]].append(click)
        elif not _inside(point := _off_the_edges(click.point, size), size):
            words = f"outside {click.image}, which has {size[0]} x {size[1]} px"
            problems.append(f"point {click.id}: {list(point)}, in pixel indices, is {words}")
        else:
            groups[fitting[0]].append(replace(click, point=point))
    _refuse(path, problems)
    return dict(groups), missing


def _same_end(one: str, other: str) -> bool:
    """Whether one path is the end of the other, by whole parts: another folder's image of the same name is another."""
    a, b = PurePosixPath(one).parts, PurePosixPath(other).parts
    shared = min(len(a), len(b))
    return a[-shared:] == b[-shared:]


def _off_the_edges(point: tuple[float, float], size: tuple[int, int]) -> tuple[float, float]:
    return off_the_edge(point[0], size[0]), off_the_edge(point[1], size[1])


def _inside(point: tuple[float, float], size: tuple[int, int]) -> bool:
    """size: width and height, px."""
    return all(isfinite(value) and -0.5 <= value < side - 0.5 for value, side in zip(point, size, strict=True))


def _refuse(path: Path, problems: Sequence[str]) -> None:
    if problems:
        rest = [f"... and {len(problems) - SHOWN} more of the like"] if len(problems) > SHOWN else []
        raise InputError("\n".join([f"{path}: {len(problems)} problem(s):", *problems[:SHOWN], *rest]))
