"""Pascal VOC: SegmentationObject/*.png (which instance) and SegmentationClass/*.png (which class), images beside them.

Class names, by the number in a palette PNG: class_names.txt (as labelme writes it), or VOC's twenty; by colour, in RGB
PNGs and in palette PNGs beside a labelmap.txt: labelmap.txt (as CVAT writes it). The void border (255, or VOC's cream
colour) belongs to no mask.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wssis.errors import InputError
from wssis.formats.coco import encode_mask
from wssis.formats.importers.collected import Collected, LabelledImage, Place
from wssis.formats.importers.label_images import LabelImage, colour, read_label_image
from wssis.formats.importers.reader import Options

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""Classes 1 to 20 of VOC."""
VOID = {False: 255, True: colour(224, 224, 192)}
"""The border between objects, by whether the PNG is coloured."""


@dataclass(frozen=True)
class _Classes:
    """Names of the values in SegmentationClass; `by_colour`: the values are colours."""

    names: dict[int, str]
    by_colour: bool
    source: str


def read_masks(source: Path, into: Collected, options: Options) -> None:
    """Add one mask for every object of a VOC folder.

    Raises:
        InputError: no such folders, or no PNG in them, or a list of classes that cannot be read.
    """
    objects = source / "SegmentationObject"
    paths = sorted(objects.glob("*.png")) if objects.is_dir() else []
    if not paths:
        raise InputError(f"{source}: has no SegmentationObject/*.png; name the folder that holds SegmentationObject")
    classes = _classes(source)
    stems = into.sizes.of_stems(str(source))
    for path in paths:
        _add(path, source / "SegmentationClass" / path.name, into, classes, stems)


def _add(path: Path, class_path: Path, into: Collected, classes: _Classes, stems: dict[str, list[str]]) -> None:
    whole_file = Place(path, "whole file")
    names = stems.get(path.stem, [])
    if len(names) != 1:
        found = f"{len(names)} images ({', '.join(names)})" if names else "no image"
        into.refuse(whole_file, "image file", f"{found} of its name in {into.sizes.folder}; name them alike")
        return
    read = []
    for one, by_colour in ((path, False), (class_path, classes.by_colour)):
        try:
            read.append(read_label_image(one, by_colour))
        except InputError as error:
            into.refuse(Place(one, "whole file"), "file", str(error))
            return
    instance, kind = read
    if instance.size != kind.size or kind.coloured != classes.by_colour:
        words = {True: "colours", False: "numbers"}
        reason = (
            f"SegmentationClass has {kind.size[0]} x {kind.size[1]} px and {words[kind.coloured]}; export it again with"
            f" {instance.size[0]} x {instance.size[1]} px and {words[classes.by_colour]} ({classes.source})"
        )
        into.refuse(whole_file, "size or colours", reason)
        return
    image = into.add_image(whole_file, names[0], *instance.size)
    if image is not None:
        _add_objects(path, into, image, instance, kind, classes)


def _add_objects(
    path: Path, into: Collected, image: LabelledImage, instance: LabelImage, kind: LabelImage, classes: _Classes
) -> None:
    for value in np.unique(instance.values).tolist():
        if value in (0, VOID[instance.coloured]):
            continue
        mask = instance.values == value
        place = Place(path, f"object {value:#08x}" if instance.coloured else f"object {value}")
        found = [one for one in np.unique(kind.values[mask]).tolist() if one != VOID[kind.coloured]]
        if len(found) != 1 or found[0] not in classes.names:
            told = ", ".join(classes.names.get(one, str(one)) for one in found) or "none"
            reason = f"on {image.name}: needs one class of {classes.source}, SegmentationClass says {told}; correct it"
            into.refuse(place, "no one class", reason, image)
        else:
            into.add_mask(image, place, classes.names[found[0]], encode_mask(mask))


def _classes(source: Path) -> _Classes:
    colours, names = source / "labelmap.txt", source / "class_names.txt"
    if colours.is_file():
        return _Classes(_labelmap(colours), True, str(colours))
    if names.is_file():
        listed = [line.strip() for line in _text(names).splitlines() if line.strip()]
        first = -1 if listed[:1] == ["__ignore__"] else 0
        return _Classes({n: name for n, name in enumerate(listed, start=first) if n > 0}, False, str(names))
    return _Classes(dict(enumerate(CLASSES, start=1)), False, "VOC's twenty")


def _text(path: Path) -> str:
    """A list of classes.

    Raises:
        InputError: it is not in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not in UTF-8 ({error}); save it as UTF-8") from None


def _labelmap(path: Path) -> dict[int, str]:
    """Colour -> name of lines "name:r,g,b:parts:actions"; black is background."""
    names = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        numbers = rest.partition(":")[0].split(",")
        if len(numbers) != 3 or not all(part.strip().isdecimal() and int(part) < 256 for part in numbers):
            raise InputError(f"{path}: line {number}: {line!r} is not name:red,green,blue::; export it again")
        names[colour(*map(int, numbers))] = name
    names.pop(0, None)
    return names
