"""Synthetic truth and detections for the evaluator: irregular outlines, several detections around each object."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools import mask as mask_api

from benchmarks.crop_scenes import CLASSES, HEIGHT, WIDTH, outline

PLACES, OUTLINES = 500, 8
OBJECTS = 7
CROWD = 0.01
"""Share of crowd regions among the objects; about COCO's."""


@dataclass(frozen=True)
class Detected:
    """A COCO data set, and results: image_id, category_id, segmentation (compressed RLE), bbox, score."""

    coco: dict[str, Any]
    results: list[dict[str, Any]]


@dataclass(frozen=True)
class _Place:
    """One place in an image: a class, and outlines that overlap one another, with their boxes."""

    category_id: int
    outlines: list[dict[str, Any]]


def synthetic(images: int, detections: int) -> Detected:
    """`images` images of 640 x 480 px with 7 objects of 80 classes and `detections` detections each."""
    rng = np.random.default_rng(8)
    places = [_place(rng) for _ in range(PLACES)]
    truth, results = [], []
    for image in range(1, images + 1):
        here = [places[i] for i in rng.choice(PLACES, OBJECTS, replace=False)]
        for place in here:
            crowd = int(rng.random() < CROWD)
            shape = place.outlines[0]
            truth.append({"id": len(truth) + 1, "image_id": image, "category_id": place.category_id, "iscrowd": crowd}
                         | {**shape, "area": float(mask_api.area(shape["segmentation"]))})  # fmt: skip
        results += _results(rng, image, here, places, detections)
    files = [{"id": i, "width": WIDTH, "height": HEIGHT} for i in range(1, images + 1)]
    categories = [{"id": i, "name": str(i)} for i in range(1, CLASSES + 1)]
    return Detected({"images": files, "categories": categories, "annotations": truth}, results)


def _place(rng: np.random.Generator) -> _Place:
    radius = HEIGHT / 2 * 2.0 ** -rng.uniform(0.5, 5)
    centre = rng.uniform((radius, radius), (WIDTH - radius, HEIGHT - radius))
    return _Place(int(rng.integers(1, CLASSES + 1)), [_shape(outline(rng, centre, radius)) for _ in range(OUTLINES)])


def _shape(rle: dict[str, Any]) -> dict[str, Any]:
    text = {"size": [HEIGHT, WIDTH], "counts": rle["counts"].decode("ascii")}
    return {"segmentation": text, "bbox": mask_api.toBbox(rle).tolist()}


def _results(
    rng: np.random.Generator, image: int, here: list[_Place], places: list[_Place], count: int
) -> list[dict[str, Any]]:
    """Half of the detections lie on the image's objects, with its class and better scores; the others anywhere."""
    found = []
    for number in range(count):
        near = number % 2 == 0
        place = here[int(rng.integers(len(here)))] if near else places[int(rng.integers(PLACES))]
        shape = place.outlines[int(rng.integers(1, OUTLINES))]
        score = round(float(rng.beta(3, 2) if near else rng.beta(1, 4)), 6)
        found.append({"image_id": image, "category_id": place.category_id, "score": score, **shape})
    return found
