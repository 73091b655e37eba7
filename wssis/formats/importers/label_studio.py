"""Label Studio's JSON export: key points, brush strokes, polygons. Coordinates are percent of the image.

An annotation without result is an image that shows nothing; a task without annotation, or one that was skipped, is an
image that nobody labelled, and is left out.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from wssis.errors import InputError
from wssis.formats.brush_rle import brush_mask
from wssis.formats.coco import encode_mask
from wssis.formats.importers.coco import ON_REFUSED
from wssis.formats.importers.collected import Collected, LabelledImage, Place
from wssis.formats.importers.image_sizes import SUFFIXES
from wssis.formats.importers.reader import Options, number, objects, pair, read_json, whole

UPLOAD = re.compile(r"(?:^|/)upload/(?:[0-9]+/)?([0-9a-f]{8}-)([^/]+)$")
"""Path of a file that was uploaded: the project, what Label Studio puts before the name, the name."""
NO_REGION = ("choices", "taxonomy", "rating", "textarea", "number", "datetime", "pairwise", "ranker", "relation")
"""Results that describe the image or another region and mark no object."""
DECIMALS = 9
"""Of a coordinate in px: fewer than a float has, more than any tool writes on purpose."""
Region = tuple[Place, dict[str, Any]]


def read_points(source: Path, into: Collected, options: Options) -> None:
    """Add all key points that have a label."""
    for image, regions in _tasks(source, into):
        for place, region in regions:
            if _is_sound(into, image, place, region, ("keypointlabels",)):
                value = region["value"]
                x, y = _pixels(value.get("x"), image.width), _pixels(value.get("y"), image.height)
                into.add_point(image, place, _label(region), x - 0.5, y - 0.5)


def read_masks(source: Path, into: Collected, options: Options) -> None:
    """Add all brush strokes and polygons that have a label; every region is one object."""
    for image, regions in _tasks(source, into):
        for place, region in regions:
            if not _is_sound(into, image, place, region, ("brushlabels", "polygonlabels")):
                continue
            try:
                into.add_mask(image, place, _label(region), _segmentation(region, image))
            except ValueError as error:
                into.refuse(place, "unsound mask", f"on {image.name}: {error}; export it again", image)


def _segmentation(region: dict[str, Any], image: LabelledImage) -> Any:
    value = region["value"]
    if region.get("type") == "brushlabels":
        return encode_mask(brush_mask(value.get("rle"), image.height, image.width))
    points = value.get("points")
    corners = [pair(point) for point in points] if isinstance(points, list) else []
    return [[side for x, y in corners for side in (_pixels(x, image.width), _pixels(y, image.height))]]


def _pixels(percent: object, side: int) -> float:
    """Rounded, since the rasteriser's fifths of a pixel would tell 22.1 px from what its percentage makes of it."""
    return round(number(percent) / 100 * side, DECIMALS)


def _label(region: dict[str, Any]) -> object:
    """The one label of a region; None where there is none, or more than one."""
    labels = region["value"].get(region["type"])
    return labels[0] if isinstance(labels, list) and len(labels) == 1 else None


def _is_sound(
    into: Collected, image: LabelledImage, place: Place, region: dict[str, Any], kinds: tuple[str, ...]
) -> bool:
    """Whether a region is of these kinds and drawn on the image as it is stored; if not it is refused."""
    kind, rotation = region.get("type"), region.get("image_rotation", 0)
    size = (region.get("original_width"), region.get("original_height"))
    if kind not in kinds or not isinstance(region.get("value"), dict):
        reason = f"on {image.name}: is of type {kind!r}, not {' or '.join(kinds)}; draw it so or remove it"
        into.refuse(place, f"of type {kind!r}", reason, image)
    elif rotation:
        reason = f"on {image.name}: drawn on the image turned by {rotation} degrees; turn it back and draw it again"
        into.refuse(place, "turned image", reason, image)
    elif size != (None, None) and (whole(size[0]), whole(size[1])) != (image.width, image.height):
        reason = f"on {image.name}: drawn on {size[0]} x {size[1]} px, the image has {image.width} x {image.height};"
        into.refuse(place, "size", f"{reason} correct whichever is wrong", image)
    else:
        return True
    return False


def _tasks(source: Path, into: Collected) -> Iterator[tuple[LabelledImage, list[Region]]]:
    """Labelled images and their regions, in the order of the file."""
    tasks = read_json(source)
    if not isinstance(tasks, list) or not all(isinstance(t, dict) and isinstance(t.get("data"), dict) for t in tasks):
        raise InputError(f"{source}: is no list of tasks with data; export it from Label Studio as JSON (not JSON-MIN)")
    for task in tasks:
        place = Place(source, f"task {task.get('id')}")
        done = [one for one in objects(task.get("annotations")) if not one.get("was_cancelled")]
        if not done:
            into.passed_over["images that nobody labelled (tasks without annotation, or skipped)"] += 1
            continue
        if len(done) > 1:
            reason = f"has {len(done)} annotations; keep one of them and export again"
            into.refuse(place, "several annotations", reason)
            continue
        results = list(objects(done[0].get("result")))
        regions = [
            (Place(source, f"task {task.get('id')}, result {result.get('id')}"), result)
            for result in results
            if result.get("type") not in NO_REGION
        ]
        image = into.add_image(place, _file_name(task["data"], into), *_size(regions))
        if image is None:
            into.passed_over[ON_REFUSED] += len(regions)
        else:
            yield image, regions


def _size(regions: list[Region]) -> tuple[object, object]:
    """Width and height of the image, px, as its first region has them; the others are compared later."""
    if not regions:
        return None, None
    return whole(regions[0][1].get("original_width")), whole(regions[0][1].get("original_height"))


def _file_name(data: dict[str, Any], into: Collected) -> object:
    """Name of a task's image in the image folder: of an address its ending, of an upload the name it had before.

    None where no value of the task, or more than one, looks like an image.
    """
    paths = [_path(value) for value in data.values() if isinstance(value, str)]
    images = [path for path in paths if Path(path).suffix.lower() in SUFFIXES]
    if len(images) != 1:
        return None
    upload = UPLOAD.search(images[0])
    if upload is None:
        return into.sizes.name_of(images[0])
    prefix, name = upload.groups()
    return prefix + name if into.sizes.has(prefix + name) else name


def _path(address: str) -> str:
    """The path of an address; for a local file the one that its query names (/data/local-files/?d=...).

    Empty for a text that is no address, such as a caption.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    local = parse_qs(parts.query).get("d")
    return local[0] if local else unquote(parts.path)
