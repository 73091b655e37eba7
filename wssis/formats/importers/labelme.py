"""labelme: one JSON file per image, in a folder. Points, polygons, masks. Pixel corners at integers.

Shapes of one label and one `group_id` are parts of one object.
"""

import base64
import binascii
import io
from collections.abc import Iterator
from os.path import isfile
from pathlib import Path
from posixpath import normpath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from wssis.errors import InputError
from wssis.formats.coco import encode_mask
from wssis.formats.importers.coco import ON_REFUSED
from wssis.formats.importers.collected import Collected, LabelledImage, Place
from wssis.formats.importers.reader import Options, objects, pair, read_json, whole

Shape = tuple[Place, dict[str, Any]]


def read_points(source: Path, into: Collected, options: Options) -> None:
    """Add all shapes of type point, from a folder of JSON files or from one file."""
    for image, shapes in _images(source, into):
        for place, shape in shapes:
            if _is_one_of(into, image, place, shape, ("point",)):
                points = shape.get("points")
                x, y = pair(points[0] if isinstance(points, list) and points else None)
                into.add_point(image, place, shape.get("label"), x - 0.5, y - 0.5)


def read_masks(source: Path, into: Collected, options: Options) -> None:
    """Add all objects that are polygons or masks, from a folder of JSON files or from one file."""
    for image, shapes in _images(source, into):
        drawn = [one for one in shapes if _is_one_of(into, image, *one, ("polygon", "mask"))]
        for parts in _grouped(drawn):
            place, first = parts[0]
            try:
                segmentation = _united([shape for _, shape in parts], image)
            except ValueError as error:
                into.refuse(place, "unsound mask", f"on {image.name}: {error}; draw it again or remove it", image)
            else:
                into.add_mask(image, place, first.get("label"), segmentation)


def _images(source: Path, into: Collected) -> Iterator[tuple[LabelledImage, list[Shape]]]:
    """Images and their shapes, in the order of file names; a file that cannot be read is refused, others go on."""
    for path in _files(source):
        try:
            content = read_json(path)
            if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
                raise InputError(f'{path}: has no list "shapes"; labelme\'s JSON is expected')
        except InputError as error:
            into.refuse(Place(path, "whole file"), "file", str(error).removeprefix(f"{path}: "))
            continue
        shapes = [(Place(path, f"shape {n}"), shape) for n, shape in enumerate(objects(content["shapes"]), start=1)]
        image = _image(path, content, source if source.is_dir() else source.parent, into)
        if image is None:
            into.passed_over[ON_REFUSED] += len(shapes)
        else:
            yield image, shapes


def _files(source: Path) -> list[Path]:
    if not source.exists():
        raise InputError(f"{source}: not found; correct the path")
    files = sorted(source.rglob("*.json")) if source.is_dir() else [source]
    if not files:
        raise InputError(f"{source}: holds no JSON file; name the folder in which labelme saved")
    return files


def _image(path: Path, content: dict[str, Any], labels: Path, into: Collected) -> LabelledImage | None:
    """The image of a JSON file; None where it was refused."""
    place = Place(path, "imagePath")
    try:
        name = _file_name(content.get("imagePath"), path.parent, labels, into)
    except InputError as error:
        into.refuse(place, "several images", str(error))
        return None
    return into.add_image(place, name, whole(content.get("imageWidth")), whole(content.get("imageHeight")))


def _file_name(path: object, folder: Path, labels: Path, into: Collected) -> object:
    """Name in the image folder; without one, in the folder of the labels.

    labelme's path, perhaps in Windows' words, leads to the image from the JSON file's folder. Where it leads nowhere,
    the images have been moved, with their subfolders or without.

    Raises:
        InputError: only the bare name is left of it, and several images have that.
    """
    if not isinstance(path, str) or not path:
        return path
    path = path.replace("\\", "/")
    root = labels if into.sizes.folder is None else into.sizes.folder
    if (name := _below(root, folder / path)) is not None:
        return name
    whole_path = normpath(path if ":" in path else folder.relative_to(labels) / path)
    if into.sizes.folder is None:
        parts = whole_path.split("/")
        return parts[-1] if ".." in parts or ":" in path or path.startswith("/") else whole_path
    name = into.sizes.name_of(whole_path)
    if name != whole_path and "/" not in name and len(into.sizes.of_name(name)) > 1:
        several = ", ".join(into.sizes.of_name(name)[:3])
        raise InputError(f"{path!r} does not lead into {root}, which has several such images: {several}; correct it")
    return name


def _below(root: Path, file: Path) -> str | None:
    """Name of a file in a folder; None where it is not there. The file may be a link to anywhere."""
    if not isfile(file):
        return None
    place, root = file.parent.resolve() / file.name, root.resolve()
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else None


def _is_one_of(
    into: Collected, image: LabelledImage, place: Place, shape: dict[str, Any], kinds: tuple[str, ...]
) -> bool:
    """Whether a shape is of these kinds; if not it is refused. labelme's oldest files have polygons without type."""
    kind = shape.get("shape_type", "polygon")
    if kind in kinds:
        return True
    reason = f"on {image.name}: is a {kind}, no {' or '.join(kinds)}; draw it so or remove it"
    into.refuse(place, f"a {kind}", reason, image)
    return False


def _grouped(shapes: list[Shape]) -> list[list[Shape]]:
    """Shapes of one label and one group_id together; those without group_id alone."""
    groups: dict[object, list[Shape]] = {}
    for number, (place, shape) in enumerate(shapes):
        group = shape.get("group_id")
        key = number if group is None else (repr(shape.get("label")), repr(group))
        groups.setdefault(key, []).append((place, shape))
    return list(groups.values())


def _united(shapes: list[dict[str, Any]], image: LabelledImage) -> Any:
    """Polygons as they are; as soon as a mask is among the parts, the RLE of all."""
    polygons = [_ring(shape) for shape in shapes if shape.get("shape_type", "polygon") == "polygon"]
    masks = [_mask(shape, image) for shape in shapes if shape.get("shape_type") == "mask"]
    if not masks:
        return polygons
    if polygons:
        raise ValueError("its group mixes polygons and masks; draw all of its parts in one way")
    return encode_mask(np.any(masks, axis=0))


def _ring(shape: dict[str, Any]) -> list[float]:
    points = shape.get("points")
    return [side for point in points for side in pair(point)] if isinstance(points, list) else []


def _mask(shape: dict[str, Any], image: LabelledImage) -> NDArray[np.bool_]:
    """The mask (H, W) of a shape of type mask: a PNG in base64 whose top-left pixel is the shape's first point."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(str(shape.get("mask")), validate=True))) as picture:
            part = np.array(picture.convert("L")) > 0
    except (binascii.Error, UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError):
        raise ValueError("its mask is no PNG in base64") from None
    points = shape.get("points")
    left, top = pair(points[0] if isinstance(points, list) and points else None)
    if not (left.is_integer() and top.is_integer() and left >= 0 and top >= 0):
        raise ValueError(f"its mask begins at ({left}, {top}), which is no pixel")
    right, bottom = int(left) + part.shape[1], int(top) + part.shape[0]
    if right > image.width or bottom > image.height:
        raise ValueError(f"its mask reaches to ({right}, {bottom}), out of {image.width} x {image.height}")
    mask = np.zeros((image.height, image.width), bool)
    mask[int(top) : bottom, int(left) : right] = part
    return mask
