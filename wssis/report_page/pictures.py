"""A few weak images side by side: points, rough masks, pseudo masks, the student's prediction, hidden truth."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from wssis.engine.pseudo_quality import HALF, mask_iou
from wssis.errors import InputError
from wssis.formats.coco import decode_mask
from wssis.formats.json_file import read_json
from wssis.geometry.painting import Colour, lay_dot, lay_mask, object_colour

SIDE = 300
"""Longer side of a panel, px."""
LEAST_SCORE = 0.3
"""Predictions below this score are not drawn."""
DOT = 4.0
"""Radius of a point, px of a panel."""
MANY = 20
"""Objects of an image from which on points shrink, so that they do not hide what they stand on."""
UNMATCHED = (110, 110, 110)
QUALITY = 86

Layer = tuple[NDArray[np.bool_], Colour]


@dataclass(frozen=True)
class Panel:
    """One picture: what it is, its JPEG as a data URI, alt text, and its width and height in px."""

    title: str
    uri: str
    alt: str
    size: tuple[int, int]


@dataclass(frozen=True)
class ShownImage:
    """One weak image and its panels; `href` is the gallery's address of it, None where it has none."""

    name: str
    why: str
    panels: tuple[Panel, ...]
    href: str | None = None


def shown_images(
    shown: Path, predictions: Path, folder: Path, pseudo_title: str
) -> tuple[str, list[ShownImage]]:
    """The rule by which images were chosen, and their panels.

    Args:
        shown: quality/{arm}.shown.json.
        predictions: the student's detections on the shown images.
        folder: the training images.
        pseudo_title: what the arm's own masks are called: refined or rough masks.

    Raises:
        InputError: an image cannot be read.
    """
    content = read_json(shown)
    found = read_json(predictions)
    fair = [record for record in content["images"] if record["fair"]]
    return content["rule"], [_shown_image(record, folder, found, pseudo_title) for record in fair]


def _shown_image(
    record: Mapping[str, Any], folder: Path, predictions: Sequence[Mapping[str, Any]], pseudo_title: str
) -> ShownImage:
    image, objects = read_image(folder / record["file_name"]), record["objects"]
    panels = [_points_panel(image, record)]
    guided = any(one["iou_rough"] is not None or one.get("proposal") is not None for one in objects)
    kinds = {"rough": "Rough masks"} if guided else {}
    kinds |= {"pseudo": pseudo_title} if pseudo_title != "Rough masks" else {}
    panels += [_mask_panel(image, record, kind, title) for kind, title in kinds.items()]
    own = [p for p in predictions if p["image_id"] == record["id"] and p["score"] >= LEAST_SCORE]
    panels.append(_prediction_panel(image, record, own))
    if _has_truth(record):
        layers = [_layer(one["truth"], place, record) for place, one in enumerate(objects)]
        told = f"{_name(record)}, hidden truth: {len(objects)} objects."
        panels.append(_panel("Hidden truth", image, layers, [], told))
    return ShownImage(record["file_name"], record["why"], tuple(panels))


def _has_truth(record: Mapping[str, Any]) -> bool:
    """Whether somebody knows the true masks; of half-labelled data nobody does."""
    return all(one["truth"] for one in record["objects"])


def read_image(path: Path) -> Image.Image:
    """An image in RGB.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error}); correct --image-dir") from None


def _name(record: Mapping[str, Any]) -> str:
    return f"Image {record['file_name']}"


def _points_panel(image: Image.Image, record: Mapping[str, Any]) -> Panel:
    objects = record["objects"]
    points = [(*one["point"], object_colour(place)) for place, one in enumerate(objects)]
    return _panel("Image with points", image, [], points, f"{_name(record)} with its {len(objects)} labelled points.")


def _mask_panel(image: Image.Image, record: Mapping[str, Any], kind: str, title: str) -> Panel:
    objects = record["objects"]
    layers = [_layer(one[kind], place, record) for place, one in enumerate(objects) if one[kind]]
    points = [(*one["point"], object_colour(place)) for place, one in enumerate(objects) if not one[kind]]
    told = f"{_name(record)}, {title.lower()}: {len(layers)} for {len(objects)} points"
    if not _has_truth(record):
        return _panel(f"{title} · {len(layers)} of {len(objects)}", image, layers, points, f"{told}.")
    iou = mean(one[f"iou_{kind}"] for one in objects)
    return _panel(f"{title} · IoU {iou:.2f}", image, layers, points, f"{told}, mean IoU {iou:.2f}.")


def _prediction_panel(image: Image.Image, record: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> Panel:
    """Each prediction takes the colour of the object of its class it covers best, if by IoU .5; the others are grey.

    Without hidden truth, that of the one whose pseudo mask it covers best, on the same terms.
    """
    size = record["height"], record["width"]
    kind, what = ("truth", "an object") if _has_truth(record) else ("pseudo", "a mask that was trained on and is")
    layers, matched = [], 0
    for prediction in sorted(found, key=lambda p: p["score"]):
        overlaps = [
            mask_iou(prediction["segmentation"], one[kind], *size)
            if one["category_id"] == prediction["category_id"] else 0.0
            for one in record["objects"]
        ]  # fmt: skip
        best = int(np.argmax(overlaps)) if overlaps else 0
        hit = bool(overlaps) and overlaps[best] >= HALF
        matched += hit
        layer, colour = _layer(prediction["segmentation"], best, record)
        layers.append((layer, colour if hit else UNMATCHED))
    alt = (
        f"{_name(record)}, the student's prediction: {len(layers)} masks, {matched} of which cover {what} of their"
        " class with IoU .5 or more."
    )
    return _panel("Student's prediction", image, layers, [], alt)


def _layer(segmentation: Mapping[str, Any], place: int, record: Mapping[str, Any]) -> Layer:
    mask = decode_mask({"id": place, "segmentation": segmentation}, record["height"], record["width"])
    return mask, object_colour(place)


def crowding(objects: int) -> float:
    """Factor on the radius of the points of an image with so many objects."""
    return min(1.0, sqrt(MANY / max(1, objects)))


def _panel(
    title: str,
    image: Image.Image,
    layers: Sequence[Layer],
    points: Sequence[tuple[float, float, Colour]],
    alt: str,
) -> Panel:
    """Draw masks (half see-through, with an outline) and points on an image, scaled to `SIDE`."""
    scale = SIDE / max(image.size)
    canvas = np.asarray(scaled(image, scale), dtype=np.float32).copy()
    for mask, colour in layers:
        lay_mask(canvas, mask, colour)
    picture = Image.fromarray(canvas.round().astype(np.uint8))
    radius = DOT * crowding(len(points))
    for x, y, colour in points:
        lay_dot(ImageDraw.Draw(picture), (x + 0.5) * scale, (y + 0.5) * scale, colour, radius)
    return Panel(title, jpeg_uri(picture), alt, picture.size)


def jpeg_uri(picture: Image.Image) -> str:
    """The picture as a JPEG in a data URI."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def scaled(picture: Image.Image, scale: float) -> Image.Image:
    """The picture with both sides times `scale`."""
    size = round(picture.width * scale), round(picture.height * scale)
    return picture if scale == 1 else picture.resize(size, Image.Resampling.BICUBIC)
