"""CVAT for images 1.1 (annotations.xml): points. Coordinates have pixel corners at integers."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from wssis.errors import InputError
from wssis.formats.importers.coco import ON_REFUSED
from wssis.formats.importers.collected import Categories, Collected, LabelledImage, Place
from wssis.formats.importers.reader import Options, read_export, text_number

NO_LABEL = ("tag",)
"""Elements of an image that mark no object."""


def read_points(source: Path, into: Collected, options: Options) -> None:
    """Add the points of an annotations.xml; every shape must be one click.

    Raises:
        InputError: no XML, cut off, with a document type (entities), or CVAT's format for videos.
    """
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
                _add_shape(into, image, Place(source, f"image {element.get('id')}, shape {number}"), shape)


def _label_names(root: Element) -> Iterator[str]:
    """Names of the labels in the order of the task; parts of skeletons are none."""
    for label in root.iterfind("meta//labels/label"):
        name = label.findtext("name")
        if name and label.find("parent") is None:
            yield name


def _side(element: Element, name: str) -> object:
    text = element.get(name)
    return int(text) if text is not None and text.isdecimal() else text


def _add_shape(into: Collected, image: LabelledImage, place: Place, shape: Element) -> None:
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
