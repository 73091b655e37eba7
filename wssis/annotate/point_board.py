"""Points on images: what `wssis annotate` shows and changes in its first view.

A point is [x, y] in pixel indices: (0, 0) is the centre of the top-left pixel, x in [-.5, W - .5).
"""

import math
from typing import Any

from wssis.annotate.changes import Change, Refused
from wssis.annotate.setup import LabelImage, Setup

DECIMALS = 2
"""Of coordinates, px: far below what a hand can aim at."""

Point = list[Any]
"""[category_id, x, y]."""


class PointBoard:
    """The points of every image, and which images are finished.

    Args:
        setup: images, categories, and points that were given; the images of the file that gave them count as finished.
    """

    view = "points"

    def __init__(self, setup: Setup) -> None:
        self._images = {image.id: image for image in setup.images}
        self._categories = setup.categories
        self._points: dict[int, dict[int, Point]] = {image.id: {} for image in setup.images}
        self._finished = set(setup.seen)
        self._next = setup.first_annotation
        for given in setup.points:
            self._points[given.image_id][given.id] = [given.category_id, given.x, given.y]
            self._next = max(self._next, given.id + 1)

    def change(self, request: dict[str, Any]) -> Change:
        """The change of {do: add, move, class, remove, finish or reopen; image, id, category, x, y}."""
        image = self._images.get(request.get("image", -1))
        if image is None:
            raise Refused(f"there is no image {request.get('image')!r}")
        do = request.get("do")
        if do in ("finish", "reopen"):
            return self._finishing(image, do == "finish")
        if do == "add":
            return Change("point", image.id, self._next, None, None, self._point(image, request))
        item = request.get("id")
        before = self._points[image.id].get(item)
        if before is None:
            raise Refused(f"there is no point {item!r} on {image.file_name}")
        if do == "remove":
            return Change("point", image.id, item, None, before, None)
        if do not in ("move", "class"):
            raise Refused(f"{do!r} is no action")
        category, x, y = before
        after = self._point(image, {"category": category, "x": x, "y": y} | request)
        return Change("point", image.id, item, None, before, after)

    def _finishing(self, image: LabelImage, finished: bool) -> Change:
        if (image.id in self._finished) == finished:
            raise Refused(f"{image.file_name} is {'already' if finished else 'not'} finished")
        return Change("finished", image.id, None, None, not finished, finished)

    def _point(self, image: LabelImage, request: dict[str, Any]) -> Point:
        """A checked point; coordinates are rounded, but never out of the image."""
        category, x, y = (request.get(key) for key in ("category", "x", "y"))
        if type(category) is not int or category not in self._categories:
            raise Refused(f"there is no class {category!r}")
        if not all(type(value) in (int, float) and math.isfinite(value) for value in (x, y)):
            raise Refused(f"({x!r}, {y!r}) is no place")
        x, y = round(x, DECIMALS), round(y, DECIMALS)
        if not (-0.5 <= x < image.width - 0.5 and -0.5 <= y < image.height - 0.5):
            raise Refused(f"({x:g}, {y:g}) lies outside {image.file_name} of {image.width} x {image.height}")
        return [category, x, y]

    def apply(self, change: Change) -> None:
        """Carry a change out."""
        if change.what == "finished":
            (self._finished.add if change.after else self._finished.discard)(change.image)
        elif change.after is None:
            del self._points[change.image][change.item]
        else:
            self._points[change.image][change.item] = change.after
            self._next = max(self._next, change.item + 1)

    def first_of_class(self, change: Change) -> bool:
        """Whether an added point is the first one of its class on its image; asked before it is applied."""
        return all(point[0] != change.after[0] for point in self._points[change.image].values())

    def content(self) -> dict[str, Any]:
        """Points as {image id: {point id: [category_id, x, y]}}, and the finished images."""
        points = {str(image): {str(k): v for k, v in own.items()} for image, own in self._points.items() if own}
        return {"points": points, "finished": sorted(self._finished)}

    def finished(self) -> set[int]:
        """Ids of the images that are finished."""
        return set(self._finished)

    def labels(self) -> int:
        """Number of points."""
        return sum(map(len, self._points.values()))

    def counts(self, images: set[int]) -> tuple[int, int]:
        """Points on these images, and their distinct (image, category) pairs."""
        pairs = {(image, point[0]) for image in images for point in self._points[image].values()}
        return sum(len(self._points[image]) for image in images), len(pairs)

    def annotations(self) -> list[dict[str, Any]]:
        """COCO annotations of the finished images: id, image_id, category_id, point."""
        return [
            {"id": item, "image_id": image, "category_id": category, "point": [x, y]}
            for image, own in self._points.items() if image in self._finished
            for item, (category, x, y) in own.items()
        ]  # fmt: skip
