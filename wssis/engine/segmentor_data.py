"""Training samples of the segmentor: a COCO training set and a folder of images.

Legend: N objects, H x W the file's size, h x w the sample's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from wssis.config.network import SOLOv2Settings
from wssis.config.training import AugmentationSettings
from wssis.engine.augmentation import change_colours, draw_colours
from wssis.engine.image_cache import Cache
from wssis.engine.placement import Placement, draw_placement, inside, mask_boxes, place_image, place_masks, place_points
from wssis.errors import InputError
from wssis.formats.coco import annotations_by_image, class_indices, decode_mask
from wssis.formats.image_files import image_row, read_image
from wssis.formats.images_table import read_images_table
from wssis.models.solov2.instances import Instances
from wssis.models.solov2.network import padded_size
from wssis.models.solov2.targets import Targets, build_targets

CACHE_MEGABYTES = 1024.0
"""Decoded images and packed masks kept in each process that makes samples."""


@dataclass(frozen=True)
class SegmentorSample:
    """One training image: RGB uint8 (3, h, w), its objects, and its id."""

    image: Tensor
    instances: Instances
    image_id: int


@dataclass(frozen=True)
class _Decoded:
    """An image as it lies in memory: RGB uint8 (3, H, W), stored pixel by pixel; masks packed to bits, the last of
    them the crowd's if there is one; the uncertain pixels of each object likewise, None where there are none; the rest
    as in Instances."""

    image: Tensor
    packed: np.ndarray
    labels: Tensor
    points: Tensor
    has_mask: Tensor
    weights: Tensor
    crowd: bool
    uncertain: np.ndarray | None

    @property
    def nbytes(self) -> int:
        """Memory it holds, in bytes, small tensors left out."""
        return self.image.nbytes + self.packed.nbytes + (0 if self.uncertain is None else self.uncertain.nbytes)

    def masks(self) -> Tensor:
        """uint8 (N, H, W), or (N + 1, H, W) with the crowd's."""
        return self.unpacked(self.packed)

    def unpacked(self, packed: np.ndarray) -> Tensor:
        """Masks packed to bits -> uint8 (N, H, W)."""
        height, width = self.image.shape[-2:]
        bits = np.unpackbits(packed, axis=1, count=height * width)
        return torch.from_numpy(bits).view(-1, height, width)


class SegmentorSamples:
    """Training set whose samples are a function of index and seed alone.

    Args:
        coco: training set; `segmentation: null` is an object without a mask, which needs `point`; iscrowd is ignored
            ground; an annotation's `weight` (default 1) weighs its mask loss, which leaves out its `uncertain` pixels.
        images_table: images.csv; each file is checked against its sha256 whenever it is read.
        image_dir: folder of the training images.
        settings: augmentation.

    Raises:
        InputError: an image is not in the table, or an object has neither mask nor point.
    """

    def __init__(
        self, coco: Mapping[str, Any], images_table: Path, image_dir: Path, settings: AugmentationSettings,
        cache_megabytes: float = CACHE_MEGABYTES,
    ) -> None:  # fmt: skip
        rows = read_images_table(images_table, "train")
        self._annotations = annotations_by_image(coco)
        self._rows = [image_row(rows, image["id"], images_table) for image in coco["images"]]
        self._classes = class_indices(coco)
        self._folder, self._settings = Path(image_dir), settings
        self._cache: Cache[int, _Decoded] = Cache(cache_megabytes)
        for annotation in coco["annotations"]:
            if not annotation.get("segmentation") and annotation.get("point") is None:
                raise InputError(f"annotation {annotation['id']}: has neither segmentation nor point; leave it out")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: tuple[int, int]) -> SegmentorSample:
        index, seed = key
        decoded = self._cache.get(index, self._decode)
        generator = np.random.default_rng(seed)
        placement = draw_placement(*decoded.image.shape[-2:], self._settings, generator)
        colours = draw_colours(self._settings, generator)
        image = place_image(decoded.image, placement)
        if colours is not None:
            image = change_colours(image, *colours)
        return SegmentorSample(image, _placed(decoded, placement), self._rows[index].image_id)

    def _decode(self, index: int) -> _Decoded:
        row = self._rows[index]
        pixels = torch.from_numpy(read_image(self._folder, row).copy()).permute(2, 0, 1)
        annotations = self._annotations[row.image_id]
        objects = [one for one in annotations if not one.get("iscrowd")]
        crowds = [one for one in annotations if one.get("iscrowd")]
        masks = [_mask(one, row.height, row.width) for one in objects]
        if crowds:
            masks.append(np.logical_or.reduce([_mask(one, row.height, row.width) for one in crowds]))
        packed = _packed(masks, row.height * row.width)
        uncertain = None
        if any(one.get("uncertain") for one in objects):
            bands = [_mask({**one, "segmentation": one.get("uncertain")}, row.height, row.width) for one in objects]
            uncertain = _packed(bands, row.height * row.width)
        return _Decoded(
            image=pixels,
            packed=packed,
            labels=torch.tensor([self._classes[one["category_id"]] for one in objects], dtype=torch.int64),
            points=torch.tensor([one.get("point") or (0.0, 0.0) for one in objects], dtype=torch.float32).view(-1, 2),
            has_mask=torch.tensor([bool(one.get("segmentation")) for one in objects], dtype=torch.bool),
            weights=torch.tensor([float(one.get("weight", 1.0)) for one in objects], dtype=torch.float32),
            crowd=bool(crowds),
            uncertain=uncertain,
        )


def _packed(masks: list[np.ndarray], pixels: int) -> np.ndarray:
    """Masks (H, W) packed to bits, one per row."""
    flat = np.stack(masks).reshape(len(masks), -1) if masks else np.zeros((0, pixels), bool)
    return np.packbits(flat, axis=1)


def _mask(annotation: Mapping[str, Any], height: int, width: int) -> np.ndarray:
    """The annotation's mask; empty where it has none."""
    if not annotation.get("segmentation"):
        return np.zeros((height, width), bool)
    return decode_mask(annotation, height, width)


def _placed(decoded: _Decoded, placement: Placement) -> Instances:
    """Objects of the sample; those without a pixel left, or whose point is outside, are dropped."""
    masks = place_masks(decoded.masks(), placement)
    ignore = masks[-1].view(torch.bool) if decoded.crowd else None
    masks = masks[:-1] if decoded.crowd else masks
    points = place_points(decoded.points, placement)
    boxes = mask_boxes(masks)
    kept = torch.where(decoded.has_mask, boxes[:, 2] > 0, inside(points, placement.canvas))
    if not bool(kept.all()):
        masks, points, boxes = masks[kept], points[kept], boxes[kept]
        decoded_fields = (decoded.labels[kept], decoded.has_mask[kept], decoded.weights[kept])
    else:
        decoded_fields = (decoded.labels, decoded.has_mask, decoded.weights)
    labels, has_mask, weights = decoded_fields
    uncertain = None
    if decoded.uncertain is not None:
        uncertain = place_masks(decoded.unpacked(decoded.uncertain), placement)[kept]
    return Instances(masks, labels, boxes, points, has_mask, weights, ignore, uncertain)


Wanted = TypeVar("Wanted")
"""Targets of one kind; they have `to` and `pin_memory`."""


@dataclass(frozen=True)
class SegmentorBatch(Generic[Wanted]):
    """B images RGB uint8 (3, h, w), what the network should say of them, and their ids."""

    images: list[Tensor]
    targets: Wanted
    image_ids: list[int]

    def to(self, device: torch.device) -> "SegmentorBatch[Wanted]":
        """The batch on a device."""
        images = [image.to(device, non_blocking=True) for image in self.images]
        return SegmentorBatch(images, self.targets.to(device, non_blocking=True), self.image_ids)

    def pin_memory(self) -> "SegmentorBatch[Wanted]":
        """The batch in pinned memory, from which copies do not block."""
        return SegmentorBatch([image.pin_memory() for image in self.images], self.targets.pin_memory(), self.image_ids)


def collate(samples: Sequence[SegmentorSample], settings: SOLOv2Settings, num_classes: int) -> SegmentorBatch[Targets]:
    """Samples side by side; the images are padded to one size on the device.

    The targets are made here, where the samples are made: in the worker processes, if there are any. A GPU's step then
    need not wait to learn how many positives there are, and the full-size masks stay where they are.
    """
    padded = padded_size([tuple(sample.image.shape[-2:]) for sample in samples])
    targets = build_targets([sample.instances for sample in samples], settings, num_classes, padded)
    return SegmentorBatch([sample.image for sample in samples], targets, [sample.image_id for sample in samples])
