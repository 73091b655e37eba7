"""A made-up annotation file of COCO's size and kind: no images, the same bytes every time, written block by block.

Modelled on COCO 2017: 40 numbers a polygon, sizes from 6 to 195 px (5th to 95th percentile of the root of the area,
median 31), a tenth of the objects in several parts, one in a hundred a crowd as uncompressed RLE, two decimals, ids in
no order, a long tail of classes, one image in a hundred empty.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.random import Generator
from numpy.typing import NDArray

IMAGES, OBJECTS, CLASSES = 118_287, 860_001, 80
BLOCK = 1000
"""Images that are made at once."""
SIZES = ((640, 480), (480, 640), (640, 427), (427, 640), (500, 375), (640, 640))
SIZE_SHARES = (0.35, 0.1, 0.3, 0.1, 0.1, 0.05)
CROWD, SEVERAL_PARTS, EMPTY = 0.01, 0.1, 0.01
IDS = 2**20
"""Annotation ids are below this, times the factor that scatters them."""


def objects_of(images: int) -> int:
    """Objects of a set of that many images, at COCO's rate.

    >>> objects_of(118287)
    860001
    """
    return round(OBJECTS * images / IMAGES)


def write_annotations(path: Path, images: int = IMAGES, seed: int = 2017) -> None:
    """Write a COCO file of `images` images; memory does not grow with their number."""
    rng = np.random.default_rng([seed, images])
    shown = rng.random(images) >= EMPTY
    weights = rng.gamma(1.2, size=images) * shown
    counts = shown + rng.multinomial(objects_of(images) - shown.sum(), weights / weights.sum())
    sizes = np.array(SIZES)[rng.choice(len(SIZES), images, p=SIZE_SHARES)]
    categories = [{"id": number + 1, "name": f"class {number + 1}"} for number in range(CLASSES)]
    with path.open("wb") as stream:
        stream.write(b'{"categories":' + orjson.dumps(categories) + b',"images":')
        stream.write(orjson.dumps([_image(number, size) for number, size in enumerate(sizes.tolist(), start=1)]))
        stream.write(b',"annotations":[')
        done = 0
        for first in range(0, images, BLOCK):
            part = slice(first, first + BLOCK)
            made = list(_annotations(rng, done, first + 1, counts[part], sizes[part]))
            if made:
                stream.write((b"," if done else b"") + orjson.dumps(made)[1:-1])
            done += len(made)
        stream.write(b"]}")


def _image(number: int, size: list[int]) -> dict[str, Any]:
    return {"id": number, "file_name": f"{number:012d}.jpg", "width": size[0], "height": size[1], "license": 1}


@dataclass(frozen=True)
class _Rings:
    """Polygons of N objects, R rings: corners in px flat as x, y, x, y, ...; `start` (R + 1) into them, `first` (N + 1)
    of each object's rings; boxes (N, 4) x, y, w, h and areas (N,) px."""

    corners: list[float]
    start: list[int]
    first: list[int]
    boxes: list[list[float]]
    areas: list[float]

    def of(self, place: int) -> list[list[float]]:
        """The polygons of one object."""
        rings = range(self.first[place], self.first[place + 1])
        return [self.corners[self.start[ring] : self.start[ring + 1]] for ring in rings]


def _annotations(
    rng: Generator, done: int, first_image: int, counts: NDArray[np.int64], sizes: NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    """Annotations of a block of images; `done` were made before, counts (B,) and sizes (B, 2) are of the block."""
    owner = np.repeat(np.arange(len(counts)), counts)
    frame = sizes[owner]
    category = rng.geometric(0.04, owner.size)
    category = np.where(category > CLASSES, rng.integers(1, CLASSES + 1, owner.size), category)
    rings = _rings(rng, frame)
    crowd = rng.random(owner.size) < CROWD
    for place in range(owner.size):
        segmentation: Any = rings.of(place)
        if crowd[place]:
            segmentation = _crowd(rng, *frame[place].tolist())
        yield {
            "segmentation": segmentation,
            "area": rings.areas[place],
            "iscrowd": int(crowd[place]),
            "image_id": first_image + int(owner[place]),
            "bbox": rings.boxes[place],
            "category_id": int(category[place]),
            "id": 1 + (done + place) * 514_229 % IDS,
        }


def _rings(rng: Generator, frame: NDArray[np.int64]) -> _Rings:
    """Jagged outlines around random places of frames (N, 2) width, height."""
    parts = 1 + (rng.random(len(frame)) < SEVERAL_PARTS) * rng.integers(1, 4, len(frame))
    first = np.concatenate([[0], np.cumsum(parts)])
    of_ring = np.repeat(np.arange(len(frame)), parts)
    side = np.clip(33 * np.exp(1.12 * rng.standard_normal(len(frame))), 3, 400)[of_ring] / np.sqrt(parts[of_ring])
    corners = np.clip((8 + 2.2 * np.sqrt(side) + rng.integers(-4, 5, len(side))).astype(int), 4, None)
    start = np.concatenate([[0], np.cumsum(corners)])
    ring = np.repeat(np.arange(len(side)), corners)
    turn = 2 * np.pi * (np.arange(ring.size) - start[ring] + 0.6 * rng.random(ring.size)) / corners[ring]
    radius = 0.56 * side[ring] * (0.75 + 0.5 * rng.random(ring.size))
    shape = np.exp(0.3 * rng.standard_normal(len(side)))[ring]
    middle = rng.random((len(frame), 2))[of_ring] * frame[of_ring] + rng.standard_normal((len(side), 2)) * side[:, None]
    around = np.stack([np.cos(turn) * radius * shape, np.sin(turn) * radius / shape], axis=1)
    limits = frame[of_ring].astype(float)
    middle = np.clip(middle, 2, limits - 2)
    points = np.round(np.clip(middle[ring] + around, 0, limits[ring]), 2)
    return _described(points, start, first)


def _described(points: NDArray[np.float64], start: NDArray[np.int64], first: NDArray[np.int64]) -> _Rings:
    """Rings with their objects' boxes and areas; points (V, 2)."""
    at = start[first[:-1]]
    low, high = np.minimum.reduceat(points, at), np.maximum.reduceat(points, at)
    following = np.arange(1, len(points) + 1)
    following[start[1:] - 1] = start[:-1]
    x, y = points.T
    areas = np.abs(np.add.reduceat(x * y[following] - y * x[following], at)) / 2
    return _Rings(
        points.ravel().tolist(),
        (2 * start).tolist(),
        first.tolist(),
        np.round(np.concatenate([low, high - low], axis=1), 2).tolist(),
        np.round(areas, 4).tolist(),
    )


def _crowd(rng: Generator, width: int, height: int) -> dict[str, Any]:
    """A region of many people: an uncompressed RLE of some hundred runs."""
    runs = rng.integers(1, 200, int(rng.integers(100, 800))).tolist()
    while sum(runs) >= width * height:
        runs.pop()
    return {"size": [height, width], "counts": [*runs, width * height - sum(runs)]}
