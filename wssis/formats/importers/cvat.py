"""CVAT for images 1.1 (annotations.xml): points, polygons, masks. Coordinates have pixel corners at integers.

The RLE of a mask counts the pixels of its box row by row, in turn outside and inside, beginning outside.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import numpy as np

from wssis.errors import InputError
from wssis.formats.coco import encode_mask
from wssis.formats.importers.coco import ON_REFUSED
from wssis.formats.importers.collected import Categories, Collected, LabelledImage, Place
from wssis.formats.importers.reader import Options, read_export, text_number

NO_LABEL = ("tag",)
"""Elements of an image that mark no object."""


AddShape = Callable[[Collected, LabelledImage, Place, Element], None]


def read_points(source: Path, into: Collected, options: Options) -> None:
    """Add the points of an annotations.xml; every shape must be one click.

    Raises:
        InputError: no XML, cut off, with a document type (entities), or CVAT's format for videos.
    """
    _read(source, into, _add_point)


def read_masks(source: Path, into: Collected, options: Options) -> None:
    """Add the masks and polygons of an annotations.xml; a shape is an object.

    Raises:
        InputError: as `read_points`.
    """
    _read(source, into, _add_mask)


def _read(source: Path, into: Collected, add: AddShape) -> None:
    root = parse(source)
    if root.tag != "annotations":
        raise InputError(f"{source}: begins with <{root.tag}>, not <annotations>; export it as 'CVAT for images 1.1'")
    if root.find("track") is not None:
        raise InputError(f"{source}: is 'CVAT for video'; export it as 'CVAT for images 1.1'")
    names = list(dict.fromkeys(_label_names(root)))
    if names:
        into.declare(Categories(dict(enumerate(names, start=1)), source))
    for element in root.iter("image"):
        place = Place(source, f"image {element.get('id')}")
        image = into.add_image(place, element.get("name"), _side(element, "width"), _side(element, "height"))
        for number, shape in enumerate((shape for shape in element if shape.tag not in NO_LABEL), start=1):
            if image is None:
                into.passed_over[ON_REFUSED] += 1
            else:
                add(into, image, Place(source, f"image {element.get('id')}, shape {number}"), shape)


def _label_names(root: Element) -> Iterator[str]:
    """Names of the labels in the order of the task; parts of skeletons are none."""
    for label in root.iterfind("meta//labels/label"):
        name = label.findtext("name")
        if name and label.find("parent") is None:
            yield name


def _side(element: Element, name: str) -> object:
    text = element.get(name)
    return int(text) if text is not None and text.isdecimal() else text


def _add_point(into: Collected, image: LabelledImage, place: Place, shape: Element) -> None:
    if shape.tag != "points":
        reason = f"on {image.name}: is a {shape.tag}, no point; set a point instead or remove it"
        into.refuse(place, f"a {shape.tag}", reason, image)
        return
    clicks = [click for click in (shape.get("points") or "").split(";") if click.strip()]
    if len(clicks) != 1:
        reason = f"on {image.name}: has {len(clicks)} clicks in one shape; make it one shape per object, one click each"
        into.refuse(place, "not one click", reason, image)
        return
    x, _, y = clicks[0].partition(",")
    into.add_point(image, place, shape.get("label"), text_number(x) - 0.5, text_number(y) - 0.5)


def _add_mask(into: Collected, image: LabelledImage, place: Place, shape: Element) -> None:
    if shape.tag not in ("mask", "polygon"):
        reason = f"on {image.name}: is a {shape.tag}, no mask or polygon; draw the object so or remove it"
        into.refuse(place, f"a {shape.tag}", reason, image)
        return
    try:
        segmentation = _segmentation(shape, image)
    except ValueError as error:
        into.refuse(place, "unsound mask", f"on {image.name}: {error}; export it again", image)
    else:
        into.add_mask(image, place, shape.get("label"), segmentation)


def _segmentation(shape: Element, image: LabelledImage) -> Any:
    if shape.tag == "polygon":
        corners = [corner.partition(",") for corner in (shape.get("points") or "").split(";")]
        return [[side for x, _, y in corners for side in (text_number(x), text_number(y))]]
    left, top, width, height = (_whole(shape.get(key)) for key in ("left", "top", "width", "height"))
    runs = [_whole(run.strip()) for run in (shape.get("rle") or "").split(",")]
    if sum(runs) != width * height:
        raise ValueError(f"its rle counts {sum(runs)} pixels, its box of {width} x {height} has {width * height}")
    if left + width > image.width or top + height > image.height:
        raise ValueError(f"its box ends at ({left + width}, {top + height}), out of {image.width} x {image.height}")
    mask = np.zeros((image.height, image.width), bool)
    inside = np.arange(len(runs)) % 2 == 1
    mask[top : top + height, left : left + width] = np.repeat(inside, runs).reshape(height, width)
    return encode_mask(mask)


def _whole(text: str | None) -> int:
    if text is None or not text.isdecimal():
        raise ValueError(f"its rle, left, top, width and height must be whole numbers, not {text!r}")
    return int(text)


def parse(path: Path) -> Element:
    """The root of an XML file. A document type is refused: its entities could grow without bound or read files.

    Raises:
        InputError: the file is missing, empty, not well-formed, or has a document type.
    """
    data = read_export(path, "XML")
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise InputError(f"{path}: has a document type (DOCTYPE), which CVAT does not write; export it again")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda tag, attributes: builder.start(tag, attributes)
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise InputError(f"{path}: not readable as XML ({error}); export it again") from None
    return builder.close()
