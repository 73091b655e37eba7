"""Simulated points of many masks: rasterised and measured in blocks, by several processes where there are many."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wssis.config.data_stages import PointsSettings
from wssis.engine.streams import stream
from wssis.errors import InputError
from wssis.formats.coco import compressed_many, segmentation_of
from wssis.formats.json_text import blocks
from wssis.formats.rle import pixel_spans
from wssis.geometry.points import Point, drifted, simulate, span_centroids, span_mask
from wssis.process_pool import process_pool

POINT_STREAM = 1
AT_ONCE = 1000
"""Masks of a block: their runs fit a processor's cache."""
FEWEST_FOR_WORKERS = 20_000
"""With fewer masks, starting processes takes longer than the work."""


class Outline(NamedTuple):
    """An annotation's id, its image's size in px, and its segmentation."""

    id: int
    height: int
    width: int
    segmentation: Any


def simulated_points(
    annotations: Sequence[Mapping[str, Any]],
    images: Mapping[int, Mapping[str, Any]],
    settings: PointsSettings,
    workers: int = 0,
) -> Iterator[Point]:
    """The point of each annotation, px, in their order; it depends on settings, mask and annotation id alone.

    Args:
        annotations: id, image_id and segmentation of each.
        images: id -> image, with width and height.
        workers: processes that share the work; the result does not depend on it.

    Raises:
        InputError: a mask has no pixel, or an annotation no mask that fits its image.
    """
    work = partial(points_of_block, settings=settings)
    waiting = blocks((_outline(annotation, images[annotation["image_id"]]) for annotation in annotations), AT_ONCE)
    if workers == 0 or len(annotations) < FEWEST_FOR_WORKERS:
        yield from chain.from_iterable(map(work, waiting))
        return
    with process_pool(workers) as pool:
        yield from chain.from_iterable(pool.map(work, waiting))


def _outline(annotation: Mapping[str, Any], image: Mapping[str, Any]) -> Outline:
    height, width = image["height"], image["width"]
    return Outline(annotation["id"], height, width, segmentation_of(annotation, height, width))


def points_of_block(outlines: Sequence[Outline], settings: PointsSettings) -> list[Point]:
    """Points of some outlines, in their order.

    Raises:
        InputError: a mask has no pixel.
    """
    first, last, start = pixel_spans(_counts(outlines))
    for outline, spans in zip(outlines, np.diff(start).tolist(), strict=True):
        if not spans:
            raise InputError(f"train.json: annotation {outline.id}: an empty mask has no point; run prepare again")
    if settings.strategy == "centroid":
        heights = np.array([outline.height for outline in outlines])
        points = [(x, y) for x, y in span_centroids(first, last, start, heights).tolist()]
        if not settings.drift:
            return [(round(x, 3), round(y, 3)) for x, y in points]
    else:
        points = [None] * len(outlines)
    ranges = zip(start[:-1].tolist(), start[1:].tolist(), strict=True)
    return [
        _single(outline, first[a:b], last[a:b], point, settings)
        for outline, point, (a, b) in zip(outlines, points, ranges, strict=True)
    ]


def _counts(outlines: Sequence[Outline]) -> list[bytes]:
    """Compressed RLE of every outline; those of equally large images are rasterised together."""
    groups: dict[tuple[int, int], list[int]] = {}
    for place, outline in enumerate(outlines):
        groups.setdefault((outline.height, outline.width), []).append(place)
    counts = [b""] * len(outlines)
    for (height, width), places in groups.items():
        made = compressed_many((outlines[place].segmentation for place in places), height, width)
        for place, rle in zip(places, made, strict=True):
            text = rle["counts"]
            counts[place] = text.encode("ascii") if isinstance(text, str) else text
    return counts


def _single(
    outline: Outline, first: NDArray[np.int64], last: NDArray[np.int64], point: Point | None, settings: PointsSettings
) -> Point:
    """The point of one mask, given as spans, by a strategy or drift that draws; `point` is its centroid, if wanted."""
    rng = stream(settings.seed, POINT_STREAM, outline.id)
    if point is None:
        part, (left, top) = span_mask(first, last, outline.height)
        column, row = simulate(part, settings.strategy, 0.0, rng)
        point = column + left, row + top
    if settings.drift:
        point = drifted(point, settings.drift, outline.height, outline.width, rng)
    return round(point[0], 3), round(point[1], 3)
