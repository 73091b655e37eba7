"""Drawn points in given boxes, each answered with object or background (Cheng et al., Pointly-Supervised Instance
Segmentation, CVPR 2022, appendix A): the second view of `wssis annotate`.

`point_coords` are continuous, pixel corners at integers, as Detectron2 has them; boxes are COCO's [x, y, w, h].
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from wssis.annotate.changes import Change, Refused
from wssis.annotate.setup import Box, Setup

STEPS_PER_PIXEL = 1000
"""Coordinates are multiples of one part in this many, px."""


def draw_points(box: Sequence[float], width: int, height: int, number: int, seed: tuple[int, int]) -> list[list[float]]:
    """Uniform points in the part of a box that lies in the image; the same ones for the same seed.

    Args:
        box: [x, y, w, h], px, pixel corners at integers.
        width, height: of the image, px.
        number: how many.
        seed: (seed of the session, id of the box), so that no box's points depend on other boxes.

    Returns:
        [[x, y], ...], px, x in [x0, x1) and [0, width).
    """
    x0, y0 = max(0.0, box[0]), max(0.0, box[1])
    x1, y1 = min(float(width), box[0] + box[2]), min(float(height), box[1] + box[3])
    shares = np.random.default_rng(seed).random((number, 2))
    places = (x0, y0) + shares * (x1 - x0, y1 - y0)
    # Rounded down, but not out of the box.
    steps = np.maximum(np.floor(places * STEPS_PER_PIXEL) / STEPS_PER_PIXEL, (x0, y0))
    return [[float(x), float(y)] for x, y in steps]


class BoxBoard:
    """Every box's points and their answers; an image is finished when all its points are answered.

    Args:
        setup: images, categories and boxes, and how many points are drawn with which seed.
    """

    view = "boxes"

    def __init__(self, setup: Setup) -> None:
        sizes = {image.id: (image.width, image.height) for image in setup.images}
        self._boxes = {box.id: box for box in setup.boxes}
        self._places = {
            box.id: draw_points(box.bbox, *sizes[box.image_id], setup.points_per_box, (setup.seed, box.id))
            for box in setup.boxes
        }
        self._answers: dict[int, list[int | None]] = {box.id: [None] * setup.points_per_box for box in setup.boxes}
        self._labels = 0
        self._open = {image.id: 0 for image in setup.images}
        for box in setup.boxes:
            self._open[box.image_id] += setup.points_per_box

    def change(self, request: dict[str, Any]) -> Change:
        """The change of {do: answer, id, place, answer: 1, 0 or null}."""
        box = self._boxes.get(request.get("id", -1))
        place, answer = request.get("place"), request.get("answer")
        if request.get("do") != "answer" or box is None:
            raise Refused(f"there is no box {request.get('id')!r} to answer")
        if type(place) is not int or not 0 <= place < len(self._answers[box.id]):
            raise Refused(f"box {box.id} has no point {place!r}")
        if answer not in (0, 1, None) or isinstance(answer, bool):
            raise Refused(f"{answer!r} is no answer; 1 is object, 0 background")
        return Change("answer", box.image_id, box.id, place, self._answers[box.id][place], answer)

    def apply(self, change: Change) -> None:
        """Carry a change out."""
        own = self._answers[change.item]
        opened = (change.after is None) - (own[change.place] is None)
        self._open[change.image] += opened
        self._labels -= opened
        own[change.place] = change.after

    def content(self) -> dict[str, Any]:
        """Boxes in the order in which they are asked: id, image, category, bbox, points, answers."""
        return {"boxes": [self._shown(box) for box in self._boxes.values()]}

    def _shown(self, box: Box) -> dict[str, Any]:
        return {
            "id": box.id, "image": box.image_id, "category": box.category_id, "bbox": box.bbox,
            "points": self._places[box.id], "answers": self._answers[box.id],
        }  # fmt: skip

    def finished(self) -> set[int]:
        """Ids of the images that are finished; one without boxes is."""
        return {image for image, number in self._open.items() if number == 0}

    def labels(self) -> int:
        """Number of answers."""
        return self._labels

    def annotations(self) -> list[dict[str, Any]]:
        """COCO annotations of the finished images: id, image_id, category_id, bbox, point_coords, point_labels."""
        done = self.finished()
        return [
            {
                "id": box.id, "image_id": box.image_id, "category_id": box.category_id, "bbox": box.bbox,
                "point_coords": self._places[box.id], "point_labels": list(self._answers[box.id]),
            }
            for box in self._boxes.values() if box.image_id in done
        ]  # fmt: skip
