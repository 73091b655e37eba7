"""Label Studio's JSON: one task per image. A polygon as `polygonlabels`, any other mask as `brushlabels`.

Predicted masks are `predictions`, which people accept or correct; the others are `annotations`. A point without mask is
a `keypointlabels` beside the predictions. Coordinates are percent of the image. The project's labelling interface must
have the names used here, which the file beside the tasks has.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from wssis.formats.atomic import temporary_path, write_text
from wssis.formats.brush_rle import brush_rle
from wssis.formats.exporters.labels import ExportedImage, MaskLabel, PointLabel, exported_images
from wssis.formats.json_text import pieces

LOCAL_FILES = "/data/local-files/?d="
"""Where Label Studio serves files of the folder that it was given as document root."""
IMAGE = "image"
CONTROLS = {"brushlabels": ("brush", "BrushLabels"), "polygonlabels": ("polygon", "PolygonLabels"),
            "keypointlabels": ("point", "KeyPointLabels")}  # fmt: skip
"""Type of a region -> name of its control in the labelling interface, and the control's tag."""
POINT_WIDTH = 0.5
"""Of a point as it is drawn, percent of the image."""
Region = dict[str, Any]


def write(path: Path, coco: Mapping[str, Any], image_url: str = LOCAL_FILES, accepted: bool = False) -> list[Path]:
    """Write the tasks, and NAME.config.xml, the labelling interface that they need.

    Args:
        image_url: what stands before the (quoted) file name of an image.
        accepted: write predicted masks as annotations, too, and an empty annotation where there is no object.
    """
    with temporary_path(path) as temporary, temporary.open("wb") as stream:
        stream.writelines(pieces(_task(image, image_url, accepted) for image in exported_images(coco)))
        stream.write(b"\n")
    config = path.with_suffix(".config.xml")
    write_text(config, labelling_interface([category["name"] for category in coco["categories"]]))
    return [path, config]


def labelling_interface(names: Sequence[str]) -> str:
    """The XML that a project's settings take: a brush, polygons and key points for every class."""
    view = Element("View")
    SubElement(view, "Image", name=IMAGE, value=f"${IMAGE}", zoom="true")
    for name, tag in CONTROLS.values():
        control = SubElement(view, tag, name=name, toName=IMAGE)
        for label in names:
            SubElement(control, "Label", value=label)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _task(image: ExportedImage, image_url: str, accepted: bool) -> dict[str, Any]:
    task = {"data": {IMAGE: image_url + quote(image.file_name), "image_id": image.id}}
    drawn = [_mask(one) for one in image.masks if accepted or one.score is None]
    predicted = [] if accepted else [one for one in image.masks if one.score is not None]
    points = [_point(one, image) for one in image.points]
    if accepted:
        return {**task, "annotations": [{"result": drawn + points}]}
    if drawn:
        task["annotations"] = [{"result": drawn}]
    if predicted or points:
        # A point without mask is worse than any mask.
        lowest = 0.0 if points else min(one.score or 0.0 for one in predicted)
        regions = [*map(_mask, predicted), *points]
        task["predictions"] = [{"model_version": "wssis", "score": lowest, "result": regions}]
    return task


def _mask(mask: MaskLabel) -> Region:
    outline = mask.outline
    if outline is None:
        value: dict[str, Any] = {"format": "rle", "rle": brush_rle(mask.pixels())}
        region = _region("brushlabels", mask.id, mask.category, value, mask.width, mask.height)
    else:
        points = [[_percent(x, mask.width), _percent(y, mask.height)] for x, y in outline]
        value = {"points": points, "closed": True}
        region = _region("polygonlabels", mask.id, mask.category, value, mask.width, mask.height)
    return region if mask.score is None else {**region, "score": mask.score}


def _point(point: PointLabel, image: ExportedImage) -> Region:
    x, y = point.corner_point
    value = {"x": _percent(x, image.width), "y": _percent(y, image.height), "width": POINT_WIDTH}
    return _region("keypointlabels", point.id, point.category, value, image.width, image.height)


def _region(kind: str, number: int, category: str, value: Mapping[str, Any], width: int, height: int) -> Region:
    return {
        "id": f"{kind}-{number}", "type": kind, "from_name": CONTROLS[kind][0], "to_name": IMAGE,
        "original_width": width, "original_height": height, "image_rotation": 0,
        "value": {**value, kind: [category]},
    }  # fmt: skip


def _percent(pixels: float, side: int) -> float:
    return pixels / side * 100
