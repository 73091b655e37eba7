"""What the writers of other tools' files are given: images with their masks, and with points that have no mask."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wssis.formats.coco import annotations_by_image, decode_mask
from wssis.formats.points import to_corners

SIMPLE_RING = 1
"""A mask of so many polygons can be drawn as one outline."""


@dataclass(frozen=True)
class MaskLabel:
    """One mask.

    score: of a predicted mask; None: a person drew it, or nobody says. segmentation: in one of COCO's three forms.
    """

    id: int
    category: str
    segmentation: Any
    score: float | None
    height: int
    width: int

    @property
    def outline(self) -> list[tuple[float, float]] | None:
        """Corners (x, y), px, pixel corners at integers, where the mask is given as one polygon; else None."""
        if not isinstance(self.segmentation, list) or len(self.segmentation) != SIMPLE_RING:
            return None
        (ring,) = self.segmentation
        return list(zip(ring[0::2], ring[1::2], strict=True))

    def pixels(self) -> NDArray[np.bool_]:
        """The mask (H, W)."""
        return decode_mask({"id": self.id, "segmentation": self.segmentation}, self.height, self.width)


@dataclass(frozen=True)
class PointLabel:
    """A point that has no mask: x, y in pixel indices, and how it came to that, if that is known."""

    id: int
    category: str
    point: tuple[float, float]
    reason: str

    @property
    def corner_point(self) -> tuple[float, float]:
        """The point where pixel corners are at integers, as tools have it."""
        return to_corners(self.point)


@dataclass(frozen=True)
class ExportedImage:
    """An image and what is known of its objects."""

    id: int
    file_name: str
    width: int
    height: int
    masks: tuple[MaskLabel, ...]
    points: tuple[PointLabel, ...]


def exported_images(coco: Mapping[str, Any]) -> Iterator[ExportedImage]:
    """The images of a sound COCO file, in its order, without their crowd regions, which only COCO has."""
    names = {category["id"]: category["name"] for category in coco["categories"]}
    groups = annotations_by_image(coco)
    for image in coco["images"]:
        height, width = image["height"], image["width"]
        own = groups[image["id"]]
        masks = tuple(
            MaskLabel(one["id"], names[one["category_id"]], one["segmentation"], one.get("score"), height, width)
            for one in own
            if one["segmentation"] is not None and not one.get("iscrowd")
        )
        points = tuple(
            PointLabel(one["id"], names[one["category_id"]], tuple(one["point"]), one.get("outcome", ""))
            for one in own
            if one["segmentation"] is None
        )
        yield ExportedImage(image["id"], image["file_name"], width, height, masks, points)
