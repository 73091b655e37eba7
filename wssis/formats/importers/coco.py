"""COCO files: masks; one keypoint per object; or an annotation's `point`, or `point_coords` with `point_labels`.

Ids are kept. Keypoints and `point` are pixel indices (COCO's keypoints are "0-indexed" locations; `point` is this
package's own form), `point_coords` has pixel corners at integers, as in the work on point supervision that made it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wssis.errors import InputError
from wssis.formats.importers.collected import Categories, Collected, LabelledImage, Place
from wssis.formats.importers.reader import Options, objects, pair, read_json, whole

ON_REFUSED = "labels on images that were refused or passed over"
NO_SHAPE = "the annotation has no {}; label it, or remove it"


class NoPoint(Exception):
    """Why an annotation has no point: kind and reason."""


@dataclass(frozen=True)
class _Item:
    """One annotation, its image and its class's name."""

    annotation: Mapping[str, Any]
    image: LabelledImage
    place: Place
    category: str


def _coco(path: Path) -> dict[str, Any]:
    """The content of a COCO file."""
    coco = read_json(path)
    for key in ("images", "annotations", "categories"):
        if not isinstance(coco, dict) or not isinstance(coco.get(key), list):
            raise InputError(f'{path}: has no list "{key}"; a COCO file is expected')
    return coco


def _items(coco: Mapping[str, Any], path: Path, into: Collected) -> Iterator[_Item]:
    """Annotations with a known image and a known category id; the others are refused."""
    own = Categories.listed(coco["categories"], path)
    into.declare(own)
    images: dict[str, LabelledImage | None] = {}
    for image in objects(coco["images"]):
        place = Place(path, f"image {image.get('id')!r}")
        taken = into.add_image(
            place, image.get("file_name"), whole(image.get("width")), whole(image.get("height")), _id_of(image)
        )
        key = repr(image.get("id"))
        if key in images:  # Nobody can tell which of the two images the labels are for.
            for one in (images[key], taken):
                if one is not None:
                    one.complete = False
            taken = None
        images[key] = taken
    meant = {_text(image.number): image for image in images.values() if image is not None}
    for annotation in objects(coco["annotations"]):
        place = Place(path, f"annotation {annotation.get('id')!r}")
        image_id, category_id = annotation.get("image_id"), annotation.get("category_id")
        if repr(image_id) not in images:
            reason = f"unknown image_id {image_id!r}; add the image or correct the id"
            into.refuse(place, "unknown image", reason, meant.get(_text(image_id)))
        elif (image := images[repr(image_id)]) is None:
            into.passed_over[ON_REFUSED] += 1
        elif type(category_id) is not int or category_id not in own.names:
            reason = f"unknown category_id {category_id!r}; add the category or correct the id"
            into.refuse(place, "unknown label", reason, image)
        else:
            yield _Item(annotation, image, place, own.names[category_id])


def _text(identity: object) -> str:
    """An id as text: "7", 7.0 and [7] are no ids of image 7, but it is the image that lacks their labels."""
    if isinstance(identity, list) and len(identity) == 1:
        return _text(identity[0])
    whole_number = isinstance(identity, float) and identity.is_integer()
    return str(int(identity) if whole_number else identity).strip()


def _id_of(item: Mapping[str, Any]) -> object:
    """An id to keep; a missing one as a text, which is refused."""
    return item.get("id") if item.get("id") is not None else "none"


def read_masks(source: Path, into: Collected, options: Options) -> None:
    """Add the masks of a COCO instances file: polygons and both kinds of RLE."""
    for item in _items(_coco(source), source, into):
        given = {key: item.annotation[key] for key in ("bbox", "area") if item.annotation.get(key) is not None}
        into.add_mask(
            item.image,
            item.place,
            item.category,
            item.annotation.get("segmentation"),
            iscrowd=item.annotation.get("iscrowd", 0),
            given=given,
            number=_id_of(item.annotation),
        )


def read_keypoints(source: Path, into: Collected, options: Options) -> None:
    """Add one keypoint of every object: the only labelled one, or the one that options.keypoint names."""
    coco = _coco(source)
    names = {category.get("name"): category.get("keypoints") or [] for category in objects(coco["categories"])}

    def chosen(item: _Item) -> tuple[float, float]:
        return _keypoint(item.annotation, options.keypoint, names.get(item.category, []))

    _add_points(_items(coco, source, into), into, chosen, corners=bool(options.corners))


def read_points(source: Path, into: Collected, options: Options) -> None:
    """Add every object's `point`, or the first of its `point_coords` that `point_labels` says is inside (1)."""
    corners = options.corners
    items = _items(_coco(source), source, into)
    _add_points(items, into, lambda item: _point(item.annotation, into, corners), bool(corners))


def _add_points(
    items: Iterator[_Item], into: Collected, chosen: Callable[[_Item], tuple[float, float]], corners: bool
) -> None:
    for item in items:
        if item.annotation.get("iscrowd"):
            into.passed_over["crowd regions, which have no point"] += 1
            continue
        try:
            x, y = chosen(item)
        except NoPoint as error:
            into.refuse(item.place, str(error.args[0]), f"on {item.image.name}: {error.args[1]}", item.image)
            continue
        shift = 0.5 if corners else 0.0
        into.add_point(item.image, item.place, item.category, x - shift, y - shift, _id_of(item.annotation))


def _keypoint(annotation: Mapping[str, Any], wanted: str | None, names: list[str]) -> tuple[float, float]:
    """The keypoint of an annotation; visibility 0 means that it is not labelled."""
    flat = annotation.get("keypoints")
    if not isinstance(flat, list) or not flat or len(flat) % 3:
        raise NoPoint("no keypoint", NO_SHAPE.format("keypoints x, y, visibility, ..."))
    points = [flat[place : place + 3] for place in range(0, len(flat), 3)]
    if wanted is not None:
        points = [point for point, name in zip(points, names, strict=False) if name == wanted]
    labelled = [point for point in points if point[2] != 0]
    if not labelled:
        which = "labelled keypoint" if wanted is None else f"labelled keypoint {wanted!r}"
        raise NoPoint("no keypoint", NO_SHAPE.format(which))
    if len(labelled) > 1:
        raise NoPoint("several keypoints", f"has {len(labelled)} labelled keypoints; choose one with --keypoint NAME")
    return pair(labelled[0][:2])


def _point(annotation: Mapping[str, Any], into: Collected, corners: bool | None) -> tuple[float, float]:
    """corners: whether pixel corners are at integers, where the user says so; else those of `point_coords` are."""
    if "point" in annotation:
        return pair(annotation["point"])
    coordinates, inside = annotation.get("point_coords"), annotation.get("point_labels")
    if not isinstance(coordinates, list) or not coordinates:
        raise NoPoint("no point", NO_SHAPE.format("point and no point_coords"))
    if inside is None:
        inside = [1] * len(coordinates)
    if not isinstance(inside, list) or len(inside) != len(coordinates):
        reason = f"{len(coordinates)} point_coords need as many point_labels, not {inside!r}; export it again"
        raise NoPoint("no point", reason)
    points = [point for point, label in zip(coordinates, inside, strict=True) if label == 1]
    if not points:
        raise NoPoint("no point", NO_SHAPE.format("point that point_labels says is inside (1)"))
    if len(points) > 1:
        into.passed_over["further points of an object"] += len(points) - 1
    x, y = pair(points[0])
    shift = 0.5 if corners is None else 0.0
    return x - shift, y - shift
