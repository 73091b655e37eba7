"""Simulated boxes and labelled points of many masks, and wrong labels among them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wssis.config.box_points import BoxPointsSettings
from wssis.engine.streams import stream
from wssis.errors import InputError
from wssis.formats.coco import compressed_many, segmentation_of
from wssis.formats.rle import pixel_spans
from wssis.geometry.box_points import labels_at, uniform_in_box
from wssis.geometry.label_noise import boundary_distance, nearest_places, random_places
from wssis.geometry.points import Mask, span_mask

POINT_STREAM = 1
NOISE_STREAM = 3
STEPS = 1000
"""Steps per pixel of the grid that points lie on: three decimals, rounded down, so none leaves its pixel."""


class BoxPoints(NamedTuple):
    """Boxes and points of A objects, N points each.

    boxes: (A, 4), [x, y, w, h], px, whole pixels. coords: (A, N, 2), continuous, px. labels: (A, N), 1 on the object,
    0 beside it. wrong: how many of the labels are not what the masks say.
    """

    boxes: NDArray[np.int64]
    coords: NDArray[np.float64]
    labels: NDArray[np.int64]
    wrong: int


def simulated_box_points(
    annotations: Sequence[Mapping[str, Any]], images: Mapping[int, Mapping[str, Any]], settings: BoxPointsSettings
) -> BoxPoints:
    """Box and points of each annotation, in their order.

    The box is that of the mask, not the file's `bbox`: what the points are drawn in holds the whole mask and no more.
    An object's points depend on the settings, its mask and its id alone; its first ten are those of `points: 10`.

    Args:
        annotations: id, image_id and segmentation of each; those of an image stand together.
        images: id -> image, with width and height.

    Raises:
        InputError: a mask has no pixel, or an annotation no mask that fits its image.
    """
    number = len(annotations)
    boxes, coords = np.zeros((number, 4), np.int64), np.zeros((number, settings.points, 2))
    labels, distance = np.zeros((number, settings.points), np.int64), np.zeros((number, settings.points))
    for place, (annotation, (part, corner)) in enumerate(zip(annotations, _parts(annotations, images), strict=True)):
        boxes[place] = (*corner, part.shape[1], part.shape[0])
        rng = stream(settings.seed, POINT_STREAM, annotation["id"])
        coords[place] = np.floor(uniform_in_box(boxes[place], settings.points, rng) * STEPS) / STEPS
        labels[place] = labels_at(part, coords[place] - corner)
        if settings.noise == "boundary":
            window, around = _widened(part, corner, images[annotation["image_id"]])
            distance[place] = boundary_distance(window, around, coords[place])
    wrong = _wrong_places(distance.ravel(), settings)
    labels.ravel()[wrong] ^= 1
    return BoxPoints(boxes, coords, labels, len(wrong))


def _parts(
    annotations: Sequence[Mapping[str, Any]], images: Mapping[int, Mapping[str, Any]]
) -> Iterator[tuple[Mask, tuple[int, int]]]:
    """The part of each mask that holds all its pixels, and column and row of its first pixel; image by image."""
    for image_id, group in groupby(annotations, key=lambda annotation: annotation["image_id"]):
        height, width = images[image_id]["height"], images[image_id]["width"]
        own = list(group)
        rles = compressed_many((segmentation_of(one, height, width) for one in own), height, width)
        texts = (rle["counts"] for rle in rles)
        first, last, start = pixel_spans([text.encode("ascii") if isinstance(text, str) else text for text in texts])
        for one, begin, end in zip(own, start[:-1].tolist(), start[1:].tolist(), strict=True):
            if begin == end:
                raise InputError(f"train.json: annotation {one['id']}: an empty mask has no box; run prepare again")
            yield span_mask(first[begin:end], last[begin:end], height)


def _widened(part: Mask, corner: tuple[int, int], image: Mapping[str, Any]) -> tuple[Mask, tuple[int, int]]:
    """A mask's part and one pixel around it, as far as the image goes, and the new corner."""
    (left, top), (height, width) = corner, part.shape
    before = (min(1, top), min(1, left))
    after = (min(1, image["height"] - top - height), min(1, image["width"] - left - width))
    window = np.pad(part, ((before[0], after[0]), (before[1], after[1])))
    return window, (left - before[1], top - before[0])


def _wrong_places(distance: NDArray[np.float64], settings: BoxPointsSettings) -> NDArray[np.int64]:
    """Which of all points get the wrong label; distance: (P,), of every point from its boundary."""
    match settings.noise:
        case "none":
            return np.zeros(0, np.int64)
        case "random":
            rng = np.random.default_rng([settings.seed, NOISE_STREAM])
            return random_places(len(distance), settings.noise_share, rng)
        case "boundary":
            return nearest_places(distance, settings.noise_share)
