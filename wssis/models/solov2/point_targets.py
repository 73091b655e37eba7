"""Training targets of SOLOv2 from boxes and labelled points, for a whole batch and all levels at once.

B images, T cells of all levels together; see `wssis.models.solov2.cells`. The objects of an image fill its first rows
of M, K points each; what is left is padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from wssis.config.network import SOLOv2Settings
from wssis.models.maskrcnn.targets import IGNORED
from wssis.models.solov2.cells import Cells, centre_cells, grids_of, levels_of, owners, pairs_of


@dataclass(frozen=True)
class PointedObjects:
    """The objects of one image, whose masks are known at points alone; N objects, P points each.

    boxes: float32 (N, 4), xyxy, and points: float32 (N, P, 2), x, y, in px of the network's input, continuous, pixel
    corners at integers; labels: int64 (N,), class indices; point_labels: float32 (N, P), 1 on the object, 0 off it, or
    `IGNORED`; point_weights: float32 (N, P), weight of a point in its object's loss, 0 of ignored ones.
    """

    boxes: Tensor
    labels: Tensor
    points: Tensor
    point_labels: Tensor
    point_weights: Tensor


@dataclass(frozen=True)
class PointTargets(Cells):
    """What each cell should say, and the masks at points; `instance` is a row of the images' rows one after the other.

    places: float32 (B, M, K, 2), points as shares of the padded image, x, y in 0 ... 1; point_labels: float32
    (B, M, K), 1, 0 or `IGNORED`; point_weights: float32 (B, M, K), 0 of ignored ones. M and K are 1 at least, so that a
    loss always has something to be a function of.
    """

    places: Tensor
    point_labels: Tensor
    point_weights: Tensor


@torch.no_grad()
def build_point_targets(
    objects: Sequence[PointedObjects], settings: SOLOv2Settings, num_classes: int, padded: tuple[int, int]
) -> PointTargets:
    """Targets of at least one image, padded to `padded` (height, width), multiples of 32.

    Levels and centre region are those of masks, of the box: its sides tell the size, its centre stands for the centre
    of mass, which nobody knows, and `positives: mask` has no mask to take cells from.
    """
    rows = max(1, *(len(one.labels) for one in objects))
    columns = max(1, *(one.points.shape[1] for one in objects))
    boxes = _stacked([one.boxes for one in objects], (rows,), 0.0).flatten(0, 1)
    labels = _stacked([one.labels for one in objects], (rows,), num_classes).flatten()
    grids = grids_of(settings.grids, boxes.device)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5
    on_level = levels_of(boxes, settings.scale_ranges) & (labels < num_classes)[:, None]
    candidates = centre_cells(centres, boxes, on_level, grids, settings.sigma, padded)
    ignored = torch.zeros((len(objects), grids.cells), dtype=torch.bool, device=boxes.device)
    image = torch.arange(len(objects), device=boxes.device).repeat_interleave(rows)
    instance, cell = pairs_of(*candidates, ignored, image)
    owner, pairs, positives = owners(instance, cell, image[instance], len(objects), grids.cells)
    points = _stacked([one.points for one in objects], (rows, columns), 0.0)
    return PointTargets(
        # Cells without an owner (-1) find the last label, that of the background.
        category=F.pad(labels, (0, 1), value=num_classes)[owner],
        ignored=ignored, image=image[instance], cell=cell, instance=instance, pairs=pairs, positives=positives,
        places=points / points.new_tensor(padded[::-1]),
        point_labels=_stacked([one.point_labels for one in objects], (rows, columns), IGNORED),
        point_weights=_stacked([one.point_weights for one in objects], (rows, columns), 0.0),
    )  # fmt: skip


def _stacked(parts: Sequence[Tensor], size: tuple[int, ...], filling: float) -> Tensor:
    """Tensors whose first dimensions are at most `size`, one after the other, what is missing filled up."""
    whole = parts[0].new_full((len(parts), *size, *parts[0].shape[len(size) :]), filling)
    for target, part in zip(whole, parts, strict=True):
        target[tuple(slice(length) for length in part.shape)] = part
    return whole
