"""Objects of a training image, each with a box and, as far as labels say, a mask or labelled points; and their places
in an augmented sample.

Legend: N objects, M of them with masks, P points per object, padded; H x W the file's size, h x w the sample's.
Coordinates are continuous, px, pixel corners at integers; a placement works on pixel indices, half a pixel less.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wssis.engine.placement import Placement, mask_boxes, place_masks, place_points
from wssis.errors import InputError
from wssis.formats.coco import decode_mask
from wssis.models.maskrcnn.targets import IGNORED

LEAST_SIDE = 0.5
"""A box of which less is left on the sample, px, is dropped."""


@dataclass(frozen=True)
class BoxObjects:
    """Objects of one image.

    boxes: float32 (N, 4), xyxy; classes: int64 (N,), 0-based; masks: uint8 (M, h, w), 0 or 1; mask_of: int64 (N,),
    place of an object's mask, -1 without one; points: float32 (N, P, 2), x, y; labels: float32 (N, P), 1, 0, or
    `IGNORED` for points off the sample and padding; counts: float32 (N,), points that an object was given; crowd: bool
    (h, w) or None.
    """

    boxes: Tensor
    classes: Tensor
    masks: Tensor
    mask_of: Tensor
    points: Tensor
    labels: Tensor
    counts: Tensor
    crowd: Tensor | None


@dataclass(frozen=True)
class LabelledObjects:
    """Objects of a file as they lie in memory: as BoxObjects, masks packed to bits, the crowd's after them.

    tight: bool (N,), True where the box is the mask's and follows it.
    """

    boxes: Tensor
    tight: Tensor
    classes: Tensor
    packed: np.ndarray
    mask_of: Tensor
    points: Tensor
    labels: Tensor
    crowd: bool
    size: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """Memory it holds, in bytes, small tensors left out."""
        return self.packed.nbytes

    def masks(self) -> Tensor:
        """uint8 (M, H, W), or (M + 1, H, W) with the crowd's."""
        height, width = self.size
        bits = np.unpackbits(self.packed, axis=1, count=height * width)
        return torch.from_numpy(bits).view(-1, height, width)


def labelled_objects(
    annotations: Sequence[Mapping[str, Any]], classes: Mapping[int, int], height: int, width: int
) -> LabelledObjects:
    """The objects that an image's annotations describe.

    An annotation has a segmentation, or a bbox, or both. Its box is the bbox of box_points.json and of a pseudo label,
    and otherwise the mask's. Crowd regions are ignored ground.

    Args:
        classes: category id -> class index.

    Raises:
        InputError: an annotation has neither, or its segmentation does not fit the image.
    """
    objects = [one for one in annotations if not one.get("iscrowd")]
    crowds = [one for one in annotations if one.get("iscrowd")]
    with_mask = [place for place, one in enumerate(objects) if one.get("segmentation")]
    masks = [decode_mask(objects[place], height, width) for place in with_mask]
    if crowds:
        masks.append(np.logical_or.reduce([decode_mask(one, height, width) for one in crowds]))
    mask_of = torch.full((len(objects),), -1, dtype=torch.int64)
    mask_of[with_mask] = torch.arange(len(with_mask))
    flat = np.stack(masks).reshape(len(masks), -1) if masks else np.zeros((0, height * width), bool)
    points, labels = _points(objects)
    boxes = [given_box(one) for one in objects]
    return LabelledObjects(
        boxes=torch.tensor([box or (0.0,) * 4 for box in boxes], dtype=torch.float32).view(-1, 4),
        tight=torch.tensor([box is None for box in boxes], dtype=torch.bool),
        classes=torch.tensor([classes[one["category_id"]] for one in objects], dtype=torch.int64),
        packed=np.packbits(flat, axis=1),
        mask_of=mask_of,
        points=points,
        labels=labels,
        crowd=bool(crowds),
        size=(height, width),
    )


def given_box(annotation: Mapping[str, Any]) -> tuple[float, ...] | None:
    """xyxy of an annotation whose box was given, None where it is its mask's.

    Raises:
        InputError: it has neither box nor mask.
    """
    has_mask, box = bool(annotation.get("segmentation")), annotation.get("bbox")
    if not has_mask and not box:
        raise InputError(f"annotation {annotation.get('id')}: has neither segmentation nor bbox; leave it out")
    if not box or (has_mask and annotation.get("source") != "pseudo"):
        return None
    x, y, width, height = (float(value) for value in box)
    return x, y, x + width, y + height


def _points(objects: Sequence[Mapping[str, Any]]) -> tuple[Tensor, Tensor]:
    """Points (N, P, 2) and labels (N, P), padded with `IGNORED`."""
    most = max((len(one.get("point_labels") or ()) for one in objects), default=0)
    points, labels = torch.zeros((len(objects), most, 2)), torch.full((len(objects), most), IGNORED)
    for place, one in enumerate(objects):
        own = one.get("point_labels") or ()
        if own:
            points[place, : len(own)] = torch.tensor(one["point_coords"], dtype=torch.float32)
            labels[place, : len(own)] = torch.tensor(own, dtype=torch.float32)
    return points, labels


def draw_points(objects: LabelledObjects, share: float, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Of each object's points that share, at least one, drawn without replacement: points (N, P, 2), labels (N, P)."""
    given = (objects.labels != IGNORED).sum(1)
    kept = torch.where(given > 0, (given * share).round().clamp(min=1).long(), 0)
    most = int(kept.max()) if len(kept) else 0
    ranks = torch.from_numpy(generator.random(tuple(objects.labels.shape)))
    ranks[objects.labels == IGNORED] = 2.0
    chosen = ranks.argsort(1)[:, :most]
    labels = objects.labels.gather(1, chosen)
    labels = torch.where(torch.arange(most) < kept[:, None], labels, IGNORED)
    return objects.points.gather(1, chosen[..., None].expand(-1, -1, 2)), labels


def placed_objects(objects: LabelledObjects, points: Tensor, labels: Tensor, placement: Placement) -> BoxObjects:
    """The objects on a sample; those without a pixel or a sliver of a box left are dropped, points off it ignored.

    points, labels: (N, P, 2) and (N, P), as `draw_points` gives them.
    """
    masks = place_masks(objects.masks(), placement)
    crowd = masks[-1].view(torch.bool) if objects.crowd else None
    masks = masks[:-1] if objects.crowd else masks
    boxes = place_boxes(objects.boxes, placement)
    boxes[objects.tight] = mask_boxes(masks)[objects.mask_of[objects.tight]]
    moved = place_continuous(points.view(-1, 2), placement).view_as(points)
    counts = (labels != IGNORED).sum(1).float()
    limits = moved.new_tensor(placement.canvas[::-1])
    labels = torch.where(((moved >= 0) & (moved <= limits)).all(-1), labels, IGNORED)
    seen = masks.flatten(1).any(1).bool()  # uint8 stays uint8
    mask_of = torch.where(_of(seen, objects.mask_of), objects.mask_of, -1)
    kept = (boxes[:, 2:] - boxes[:, :2]).amin(1) >= LEAST_SIDE
    return BoxObjects(
        boxes[kept], objects.classes[kept], masks, mask_of[kept], moved[kept], labels[kept], counts[kept], crowd
    )


def _of(flags: Tensor, places: Tensor) -> Tensor:
    """flags[places], False where a place is -1."""
    return torch.cat([flags, flags.new_zeros(1)])[places]


def place_continuous(points: Tensor, placement: Placement) -> Tensor:
    """Continuous points (N, 2) of the source -> the same places on the canvas."""
    return place_points(points - 0.5, placement) + 0.5


def place_boxes(boxes: Tensor, placement: Placement) -> Tensor:
    """Boxes (N, 4), xyxy, of the source -> on the canvas, clipped to it; beyond it, boxes without width or height."""
    first, second = (place_continuous(corner, placement) for corner in (boxes[:, :2], boxes[:, 2:]))
    limits = boxes.new_tensor(placement.canvas[::-1])
    low, high = (corner.clamp(min=0).minimum(limits) for corner in (first.minimum(second), first.maximum(second)))
    return torch.cat([low, high], 1)
