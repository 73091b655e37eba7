"""CVAT for images 1.1 (annotations.xml): one polygon as a `polygon`, every other mask as a `mask`.

A mask's RLE counts the pixels of its box row by row, in turn outside and inside, beginning outside. Coordinates have
pixel corners at integers. CVAT finds an image by its name, and drops attributes that the task's label has not.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np
from numpy.typing import NDArray

from wssis.formats.atomic import temporary_path, write_json
from wssis.formats.coco import mask_box
from wssis.formats.exporters.labels import ExportedImage, MaskLabel, exported_images

SCORE = {"name": "score", "mutable": False, "input_type": "text", "default_value": "", "values": [""]}
"""The attribute of every label, as CVAT's label constructor takes it."""


def write(path: Path, coco: Mapping[str, Any]) -> list[Path]:
    """Write annotations.xml, and NAME.labels.json, the task's labels for CVAT's label constructor (Raw)."""
    names = [category["name"] for category in coco["categories"]]
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    root.append(_meta(names, len(coco["images"])))
    images = sorted(exported_images(coco), key=lambda image: image.file_name)
    root.extend(_image(number, image) for number, image in enumerate(images))
    ElementTree.indent(root)
    with temporary_path(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)
    labels = path.with_suffix(".labels.json")
    write_json(labels, [{"name": name, "attributes": [SCORE]} for name in names])
    return [path, labels]


def _meta(names: Sequence[str], size: int) -> Element:
    meta = Element("meta")
    task = SubElement(meta, "task")
    SubElement(task, "size").text = str(size)
    SubElement(task, "mode").text = "annotation"
    labels = SubElement(task, "labels")
    for name in names:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = name
        attribute = SubElement(SubElement(label, "attributes"), "attribute")
        for key in ("name", "mutable", "input_type", "default_value"):
            SubElement(attribute, key).text = str(SCORE[key])
        SubElement(attribute, "values")
    return meta


def _image(number: int, image: ExportedImage) -> Element:
    size = {"width": str(image.width), "height": str(image.height)}
    element = Element("image", {"id": str(number), "name": image.file_name, **size})
    element.extend(_shape(mask) for mask in image.masks)
    for point in image.points:
        place = "{!r},{!r}".format(*map(float, point.corner_point))
        SubElement(element, "points", {**_common(point.category, "auto"), "points": place})
    return element


def _common(label: str, source: str) -> dict[str, str]:
    return {"label": label, "source": source, "occluded": "0", "z_order": "0"}


def _shape(mask: MaskLabel) -> Element:
    common = _common(mask.category, "manual" if mask.score is None else "auto")
    outline = mask.outline
    if outline is None:
        element = Element("mask", common | mask_attributes(mask.pixels()))
    else:
        points = ";".join(f"{float(x)!r},{float(y)!r}" for x, y in outline)
        element = Element("polygon", common | {"points": points})
    if mask.score is not None:
        SubElement(element, "attribute", name="score").text = f"{mask.score:.4f}"
    return element


def mask_attributes(mask: NDArray[np.bool_]) -> dict[str, str]:
    """rle, left, top, width and height of a `mask` element: the box of a mask (H, W) and its runs, row by row.

    >>> mask_attributes(np.array([[0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 1, 0]], bool))["rle"]
    '1, 4, 1'
    """
    left, top, width, height = mask_box(mask)
    flat = mask[top : top + height, left : left + width].ravel()
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size)
    runs = np.diff(ends, prepend=0).tolist()
    if flat[0]:
        runs.insert(0, 0)
    box = {"left": left, "top": top, "width": width, "height": height}
    return {"rle": ", ".join(map(str, runs)), **{key: str(value) for key, value in box.items()}}
