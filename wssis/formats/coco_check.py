"""What is wrong with a COCO file: every problem at once, each with the file, the id and what to do about it."""

import sys
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from wssis.formats.annotation_blocks import AT_ONCE, trusted
from wssis.formats.coco import mask_area
from wssis.formats.json_text import blocks
from wssis.formats.polygons import FEWEST_NUMBERS
from wssis.formats.remark import Fault, Remark
from wssis.formats.rle import run_lengths

Labels = Literal["masks", "points", "none"]
"""What a file's annotations hold: masks; a point [x, y] in pixel indices each; or there are none."""
TOLERANCE = 1.0
"""How far a polygon may reach beyond its image, px: exporters round."""
LARGEST = 2**30 // 4 // 3
"""Most pixels of an image, 256 MiB as RGB: beyond them Pillow speaks of a decompression bomb."""


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _key(value: object) -> object:
    """The integer, or the text of anything else: 7.0, True and [3] are no ids, though 7.0 == 7 and True == 1."""
    return value if _is_id(value) else repr(value)


def _is_finite(value: object) -> bool:
    """Whether it is a number that a float can hold; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _all_finite(values: Iterable[object]) -> bool:
    return all(map(_is_finite, values))


def is_sized(image: Mapping[str, Any]) -> bool:
    """Whether width and height are whole, positive, and not beyond what is opened."""
    width, height = image.get("width"), image.get("height")
    return _is_id(width) and _is_id(height) and width > 0 and height > 0 and width * height <= LARGEST


def _repeated(items: Iterable[Mapping[str, Any]]) -> list[object]:
    """Ids that occur more than once, each once."""
    seen: set[object] = set()
    return list(dict.fromkeys(key for item in items if (key := _key(item.get("id"))) in seen or seen.add(key)))


def _shared(items: Iterable[Mapping[str, Any]], key: str, normal: Callable[[str], str]) -> dict[str, list[Any]]:
    """Text under that key that more than one item has, in its normal form -> the ids of these items."""
    owners: dict[str, list[Any]] = defaultdict(list)
    for item in items:
        if isinstance(item.get(key), str):
            owners[normal(item[key])].append(item.get("id"))
    return {text: ids for text, ids in owners.items() if len(ids) > 1}


def bad_file_name(name: object) -> Fault | None:
    """Why an image cannot have this file name, or None."""
    if not isinstance(name, str) or not name.strip():
        return Fault("file name", "has no file_name", "name its file, relative to the image folder")
    path = PurePosixPath(name)
    if (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or ":" in path.parts[0]
        or "\0" in name
    ):
        return Fault(
            "file name",
            f"file_name {name!r} leaves the image folder",
            "give a path inside it, with forward slashes",
        )
    return None


def _categories(categories: list[dict[str, Any]], path: Path) -> Iterator[Remark]:
    if not categories:
        yield Fault("category", "has no categories", "list them with id and name").at(path)
    for category in categories:
        label = f"category {category.get('id')!r}"
        if not _is_id(category.get("id")):
            yield Fault("category", "the id must be an integer", "renumber the categories").at(path, label)
        if not isinstance(category.get("name"), str) or not category["name"].strip():
            yield Fault("category", "has no name", "give it one").at(path, label)
    for duplicate in _repeated(categories):
        yield Fault("category", "this id occurs more than once", "keep one of them").at(path, f"category {duplicate}")
    for name, ids in _shared(categories, "name", str.strip).items():
        what = f"the name {name!r} is that of {len(ids)} categories ({_listed(ids)})"
        yield Fault("category", what, "rename or merge them").at(path, f"category {ids[0]!r}")


def bad_size(image: Mapping[str, Any]) -> Fault | None:
    """Why an image cannot have its width and height, or None."""
    sides = (image.get("width"), image.get("height"))
    if not all(_is_id(side) and side > 0 for side in sides):
        what = f"width {sides[0]!r}, height {sides[1]!r} must be positive integers"
        return Fault("image size", what, "take them from the file")
    if not is_sized(image):
        what = f"{sides[0]} x {sides[1]} is more than {LARGEST // 10**6} million px"
        return Fault("image size", what, "correct the size, or cut the image into tiles")
    return None


def _image_faults(image: Mapping[str, Any]) -> Iterator[Fault]:
    if not _is_id(image.get("id")):
        yield Fault("id", "the id must be an integer", "renumber the images and their annotations")
    if fault := bad_size(image):
        yield fault
    if fault := bad_file_name(image.get("file_name")):
        yield fault


def images_alike(images: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Fault]]:
    """Ids, as they are written, and faults of images that share an id or a file name.

    Labels of one would be taken for the other's.
    """
    for duplicate in _repeated(images):
        yield str(duplicate), Fault("id", "this id occurs more than once", "keep one of them or renumber")
    for name, ids in _shared(images, "file_name", lambda name: str(PurePosixPath(name))).items():
        what = f"file_name {name!r} belongs to more than one image ({_listed(ids)})"
        yield repr(ids[0]), Fault("file name", what, "keep one of them, with all annotations")


def _images(images: list[dict[str, Any]], path: Path) -> Iterator[Remark]:
    if not images:
        yield Fault("empty", "has no images", "list them with id, file_name, width and height").at(path)
    for image in images:
        yield from (fault.at(path, f"image {image.get('id')!r}") for fault in _image_faults(image))
    for number, fault in images_alike(images):
        yield fault.at(path, f"image {number}")


def _listed(ids: list[Any]) -> str:
    """The first few ids."""
    return ", ".join([*map(repr, ids[:5]), *(["..."] if len(ids) > 5 else [])])


def _polygons(polygons: list[Any], height: int, width: int) -> Fault | None:
    """What is wrong with an annotation's polygons, or None."""
    again = "draw it again or remove it"
    if not polygons:
        return Fault("polygon", "the polygon is empty", "draw the object or remove the annotation")
    for ring in polygons:
        if not isinstance(ring, list) or len(ring) < FEWEST_NUMBERS or len(ring) % 2:
            return Fault("polygon", "a polygon needs three corners or more, as x, y, x, y, ...", again)
        if not _all_finite(ring):
            return Fault("polygon", "a polygon has a coordinate that is NaN, infinite or no number", again)
        xs, ys = ring[0::2], ring[1::2]
        if min(ring) < -TOLERANCE or max(xs) > width + TOLERANCE or max(ys) > height + TOLERANCE:
            reach = f"(x {min(xs):g} to {max(xs):g}, y {min(ys):g} to {max(ys):g})"
            what = f"a polygon {reach} reaches out of its image of {width} x {height}"
            return Fault("polygon out of image", what, "clip it, or correct the image's size")
    return None


def _rle(rle: Mapping[str, Any], height: int, width: int) -> Fault | None:
    """What is wrong with an RLE, or None."""

    def again(what: str) -> Fault:
        return Fault("RLE", what, "export it again")

    size, counts = rle.get("size"), rle.get("counts")
    if not isinstance(size, list) or not all(map(_is_id, size)) or size != [height, width]:
        return again(f"RLE of size {size!r} in an image of [{height}, {width}] (height, width)")
    if isinstance(counts, list) and not all(_is_id(count) for count in counts):
        return again("RLE counts must be integers")
    if not isinstance(counts, list | str):
        return again("RLE without counts")
    try:
        runs = run_lengths(counts)
    except (ValueError, OverflowError):
        return again("RLE counts cannot be read")
    if runs.size and runs.min() < 0:
        return again("RLE with a negative run")
    if runs.sum() != height * width:
        return again(f"RLE runs add up to {int(runs.sum())} px, not to {height} x {width}")
    return None


POINTS_APART = "give images with points as a file of their own, to a data set of kind half-labelled (docs/own-data.md)"


def _segmentation(annotation: Mapping[str, Any], height: int, width: int) -> Fault | None:
    segmentation = annotation.get("segmentation")
    if segmentation is None and annotation.get("point") is not None:
        return Fault("no mask", "has a point in place of a mask", POINTS_APART)
    if segmentation is None:
        return Fault("no mask", "has no segmentation", "draw the object or remove the annotation")
    if isinstance(segmentation, Mapping):
        return _rle(segmentation, height, width)
    if isinstance(segmentation, list):
        return _polygons(segmentation, height, width)
    return Fault("no mask", "segmentation is neither polygons nor RLE", "export it again")


def box_problem(box: object) -> Fault | None:
    """What is wrong with a COCO box [x, y, w, h], or None."""
    remedy = "correct it or leave it out"
    if not isinstance(box, list) or len(box) != 4 or not _all_finite(box):
        return Fault("bbox", f"bbox {box!r} is not four finite numbers x, y, width, height", remedy)
    if box[2] < 0 or box[3] < 0:
        return Fault("bbox", f"bbox {box!r} has a negative side", remedy)
    return None


def _plain_faults(annotation: Mapping[str, Any], categories: Container[Any]) -> Iterator[Fault]:
    """Faults of an annotation's ids and numbers."""
    if not _is_id(annotation.get("id")):
        yield Fault("id", "the id must be an integer", "renumber the annotations")
    if "category_id" not in annotation:
        yield Fault("unknown category", "has no category_id", "give it a category")
    elif _key(annotation["category_id"]) not in categories:
        what = f"unknown category_id {annotation['category_id']!r}"
        yield Fault("unknown category", what, "add the category or correct the id")
    if annotation.get("iscrowd", 0) not in (0, 1):
        yield Fault("iscrowd", f"iscrowd {annotation['iscrowd']!r} must be 0 or 1", "correct it")
    if annotation.get("bbox") is not None and (fault := box_problem(annotation["bbox"])):
        yield fault
    area = annotation.get("area")
    if area is not None and (not _all_finite([area]) or area < 0):
        what = f"area {area!r} must be a finite number, not negative"
        yield Fault("area", what, "correct it or leave it out")


def annotation_problems(
    annotation: Mapping[str, Any], image: Mapping[str, Any] | None, categories: Container[Any], zero_area: str
) -> Iterator[Fault]:
    """Faults of one annotation with a mask; `image` is None where its image is unknown or has no size.

    Args:
        categories: known category ids.
        zero_area: see `check_coco`.
    """
    yield from _plain_faults(annotation, categories)
    if image is None:
        return
    fault = _segmentation(annotation, image["height"], image["width"])
    if fault:
        yield fault
    elif zero_area == "refuse" and not mask_area(annotation["segmentation"], image["height"], image["width"]):
        remedy = "draw it again, remove it, or set prepare's zero_area to drop"
        yield Fault("mask without a pixel", "the mask has no pixel", remedy)


def point_problems(
    annotation: Mapping[str, Any], image: Mapping[str, Any] | None, categories: Container[Any]
) -> Iterator[Fault]:
    """Faults of one annotation with a point [x, y] in pixel indices, (0, 0) the centre of the top-left pixel."""
    yield from _plain_faults(annotation, categories)
    if annotation.get("segmentation"):
        remedy = "leave the mask out, or move the image to the fully labelled ones"
        yield Fault("mask beside a point", "has a segmentation in a file of points", remedy)
    if annotation.get("iscrowd") == 1:
        yield Fault("iscrowd", "is a crowd region, which has no point", "remove it, or set a point on each object")
    point = annotation.get("point")
    if not isinstance(point, list) or len(point) != 2 or not _all_finite(point):
        what = f"point {point!r} is not two finite numbers x, y"
        yield Fault("point", what, "set it again or remove the annotation")
    elif image is not None and not all(
        -0.5 <= value < side - 0.5 for value, side in zip(point, (image["width"], image["height"]), strict=True)
    ):
        what = f"point {point!r}, in pixel indices, lies outside its image of {image['width']} x {image['height']}"
        yield Fault("point out of image", what, "move it, or correct the image's size")


def _annotations(coco: Mapping[str, Any], path: Path, zero_area: str, labels: Labels) -> Iterator[Remark]:
    sized = {_key(image.get("id")): image for image in coco["images"] if is_sized(image)}
    known = {_key(image.get("id")) for image in coco["images"]}
    categories = {_key(category.get("id")) for category in coco["categories"]}
    for block in blocks(coco["annotations"], AT_ONCE):
        filled = zero_area == "refuse"
        sound = trusted(block, sized, categories, TOLERANCE, filled) if labels == "masks" else ()
        for annotation in (annotation for place, annotation in enumerate(block) if place not in sound):
            label = f"annotation {annotation.get('id')!r}"
            image_id = _key(annotation.get("image_id"))
            if image_id not in known:
                what = f"unknown image_id {annotation.get('image_id')!r}"
                yield Fault("unknown image", what, "add the image or correct the id").at(path, label)
            image = sized.get(image_id)
            if labels == "masks":
                faults = annotation_problems(annotation, image, categories, zero_area)
            else:
                faults = point_problems(annotation, image, categories)
            yield from (fault.at(path, label) for fault in faults)
    for duplicate in _repeated(coco["annotations"]):
        yield Fault("id", "this id occurs more than once", "renumber").at(path, f"annotation {duplicate}")
    if all(annotation.get("iscrowd") for annotation in coco["annotations"]):
        remedy = "annotate some objects, or check that this is the right file"
        yield Fault("empty", "has no instance at all", remedy).at(path)


def sized_images(images: Iterable[Mapping[str, Any]]) -> dict[Any, Mapping[str, Any]]:
    """Image id -> image, of those with a sound width and height."""
    return {_key(image.get("id")): image for image in images if is_sized(image)}


def frame_problems(coco: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with categories, images and the annotations' ids, each with its remedy; not with their labels."""
    for key in ("images", "annotations", "categories"):
        if not all(isinstance(item, dict) for item in coco[key]):
            yield f"{key} must be a list of objects; a COCO instances file is expected"
            return
    nowhere = Path()
    for remark in (*_categories(coco["categories"], nowhere), *_images(coco["images"], nowhere)):
        yield f"{remark.item}: {remark.what}; {remark.remedy}".removeprefix(": ")
    known = {_key(image.get("id")) for image in coco["images"]}
    categories = {_key(category.get("id")) for category in coco["categories"]}
    for annotation in coco["annotations"]:
        label, image_id = f"annotation {annotation.get('id')!r}", annotation.get("image_id")
        if _key(image_id) not in known:
            yield f"{label}: unknown image_id {image_id!r}; add the image or correct the id"
        # Its other numbers are no part of what is read here.
        ids = {key: annotation[key] for key in ("id", "category_id") if key in annotation}
        yield from (f"{label}: {fault}" for fault in _plain_faults(ids, categories))
    for duplicate in _repeated(coco["annotations"]):
        yield f"annotation {duplicate}: this id occurs more than once; renumber"


def check_coco(
    coco: Mapping[str, Any], path: Path, zero_area: str = "refuse", labels: Labels = "masks"
) -> list[Remark]:
    """All problems of a COCO file; empty if it is sound.

    Crowd regions and images without objects are legal.

    Args:
        coco: its images, annotations and categories are lists (as `read_given` makes sure).
        path: named in the messages.
        zero_area: "refuse", or "drop" if the caller drops masks without a pixel itself.
        labels: what the annotations hold; a file with "none" has images alone.
    """
    for key in ("images", "annotations", "categories"):
        if not all(isinstance(item, dict) for item in coco[key]):
            return [Fault("file", f"{key} must be a list of objects", "a COCO instances file is expected").at(path)]
    named = coco["categories"] or labels != "none"
    problems = [*(_categories(coco["categories"], path) if named else ()), *_images(coco["images"], path)]
    if labels != "none":
        problems += _annotations(coco, path, zero_area, labels)
    elif coco["annotations"]:
        what = f"has {len(coco['annotations'])} annotations, though its images are given as unlabelled"
        remedy = "leave them out, or give the images as weakly or fully labelled ones"
        problems.append(Fault("annotations of unlabelled images", what, remedy).at(path))
    return problems
