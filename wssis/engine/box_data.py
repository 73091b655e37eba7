"""Training samples of the box networks: full.json, box_points.json or both, and a folder of images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wssis.config.training import AugmentationSettings
from wssis.engine.augmentation import change_colours, draw_colours
from wssis.engine.box_objects import (
    BoxObjects,
    LabelledObjects,
    draw_points,
    given_box,
    labelled_objects,
    placed_objects,
)
from wssis.engine.image_cache import Cache
from wssis.engine.placement import draw_placement, place_image
from wssis.errors import InputError
from wssis.formats.coco import annotations_by_image, class_indices
from wssis.formats.image_files import image_row, read_image
from wssis.formats.images_table import read_images_table
from wssis.models.maskrcnn.targets import IGNORED, BoxTargets

CACHE_MEGABYTES = 1024.0
"""Decoded images and packed masks kept in each process that makes samples."""


def one_training_set(sets: Mapping[Path, Mapping[str, Any]]) -> dict[str, Any]:
    """The images and annotations of several COCO sets, one after the other; file -> its content.

    Raises:
        InputError: their categories differ, or an image is in two of them.
    """
    (first, base), *others = sets.items()
    whole: dict[str, Any] = {"images": [], "annotations": [], "categories": list(base["categories"])}
    for path, coco in others:
        if class_indices(coco) != class_indices(base):
            own, given = (sorted(one["id"] for one in each["categories"]) for each in (base, coco))
            raise InputError(f"{path}: category ids {given} are not those of {first}: {own}; use one set of categories")
    where: dict[int, Path] = {}
    for path, coco in sets.items():
        for image in coco["images"]:
            if image["id"] in where:
                raise InputError(f"{path}: image {image['id']} is in {where[image['id']]}, too; keep one of them")
            where[image["id"]] = path
        whole["images"] += coco["images"]
        whole["annotations"] += coco["annotations"]
    return whole


@dataclass(frozen=True)
class BoxSample:
    """One training image: RGB uint8 (3, h, w), its objects, and its id."""

    image: Tensor
    objects: BoxObjects
    image_id: int


@dataclass(frozen=True)
class _Decoded:
    """An image as it lies in memory: RGB uint8 (3, H, W), stored pixel by pixel; and its objects."""

    image: Tensor
    objects: LabelledObjects

    @property
    def nbytes(self) -> int:
        """Memory it holds, in bytes."""
        return self.image.nbytes + self.objects.nbytes


class BoxSamples:
    """Training set whose samples are a function of index and seed alone.

    Args:
        coco: training set; see `labelled_objects` for its annotations.
        images_table: images.csv; each file is checked against its sha256 whenever it is read.
        image_dir: folder of the training images.
        settings: augmentation; image and objects get the same placement.
        point_share: see `BoxSupervision`.
    """

    def __init__(
        self, coco: Mapping[str, Any], images_table: Path, image_dir: Path, settings: AugmentationSettings,
        point_share: float, cache_megabytes: float = CACHE_MEGABYTES,
    ) -> None:  # fmt: skip
        rows = read_images_table(images_table, "train")
        self._annotations = annotations_by_image(coco)
        self._rows = [image_row(rows, image["id"], images_table) for image in coco["images"]]
        self._classes = class_indices(coco)
        self._folder, self._settings, self._point_share = Path(image_dir), settings, point_share
        self._cache: Cache[int, _Decoded] = Cache(cache_megabytes)
        for annotation in coco["annotations"]:
            given_box(annotation)  # Refused before the first step, not when its image's turn comes.

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, key: tuple[int, int]) -> BoxSample:
        index, seed = key
        decoded = self._cache.get(index, self._decode)
        generator = np.random.default_rng(seed)
        placement = draw_placement(*decoded.image.shape[-2:], self._settings, generator)
        colours = draw_colours(self._settings, generator)
        points, labels = draw_points(decoded.objects, self._point_share, generator)
        image = place_image(decoded.image, placement)
        if colours is not None:
            image = change_colours(image, *colours)
        objects = placed_objects(decoded.objects, points, labels, placement)
        return BoxSample(image, objects, self._rows[index].image_id)

    def _decode(self, index: int) -> _Decoded:
        row = self._rows[index]
        pixels = torch.from_numpy(read_image(self._folder, row).copy()).permute(2, 0, 1)
        annotations = self._annotations[row.image_id]
        return _Decoded(pixels, labelled_objects(annotations, self._classes, row.height, row.width))


@dataclass(frozen=True)
class BoxBatch:
    """B images RGB uint8 (3, h, w), what the network should say of them, and their ids."""

    images: list[Tensor]
    targets: BoxTargets
    image_ids: list[int]

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(height, width) of the images."""
        return [(image.shape[-2], image.shape[-1]) for image in self.images]

    def to(self, device: torch.device) -> "BoxBatch":
        """The batch on a device."""
        images = [image.to(device, non_blocking=True) for image in self.images]
        return BoxBatch(images, self.targets.to(device), self.image_ids)

    def pin_memory(self) -> "BoxBatch":
        """The batch in pinned memory, from which copies do not block."""
        return BoxBatch([image.pin_memory() for image in self.images], self.targets.pin_memory(), self.image_ids)


def collate(samples: Sequence[BoxSample]) -> BoxBatch:
    """Samples side by side; the images are padded to one size on the device."""
    objects = [sample.objects for sample in samples]
    most = max(one.points.shape[1] for one in objects)
    targets = BoxTargets(
        boxes=[one.boxes for one in objects],
        classes=[one.classes for one in objects],
        masks=[one.masks for one in objects],
        mask_of=torch.cat([one.mask_of for one in objects]),
        points=torch.cat([_padded(one.points, most, 0.0) for one in objects]),
        point_labels=torch.cat([_padded(one.labels, most, IGNORED) for one in objects]),
        point_counts=torch.cat([one.counts for one in objects]),
        crowd=[one.crowd for one in objects],
    )
    return BoxBatch([sample.image for sample in samples], targets, [sample.image_id for sample in samples])


def _padded(values: Tensor, most: int, filling: float) -> Tensor:
    """(N, P, ...) -> (N, most, ...)."""
    shape = (len(values), most - values.shape[1], *values.shape[2:])
    return torch.cat([values, values.new_full(shape, filling)], 1)
