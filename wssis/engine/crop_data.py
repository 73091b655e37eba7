"""Crops as training samples: read from the store, changed on the device.

Legend: B crops, S side in px, P most other points in a crop of the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from wssis.config.mask_stages import CropAugmentationSettings
from wssis.formats.crop_store import CropStore
from wssis.geometry.crop_changes import (
    CropChange,
    deform_masks,
    deform_soft_masks,
    draw_change,
    jitter_colour,
    move_points,
    warp_images,
    warp_masks,
    warp_soft_masks,
)
from wssis.geometry.heatmaps import NOWHERE


@dataclass(frozen=True)
class CropSample:
    """One crop as stored: image uint8 (S, S, 3), rough and target uint8 (S, S), with points already moved.

    A soft rough mask is float32 (S, S), 0 to 1.

    `change` is what the device still has to do to the pixels; None: nothing.
    """

    image: np.ndarray
    rough: np.ndarray
    target: np.ndarray | None
    point: np.ndarray
    others: np.ndarray
    label: int
    image_id: int
    change: CropChange | None


@dataclass(frozen=True)
class CropBatch:
    """Samples side by side: images (B, 3, S, S), rough and target (B, S, S), points (B, 2), labels (B,).

    `others` (B, P, 2) is padded with NOWHERE. `changes` holds the tensors of B changes, or nothing.
    """

    images: Tensor
    rough: Tensor
    target: Tensor | None
    points: Tensor
    others: Tensor
    labels: Tensor
    image_ids: list[int]
    changes: dict[str, Tensor]

    def to(self, device: torch.device) -> "CropBatch":
        """The same batch on a device."""
        moved = {
            name: value.to(device, non_blocking=True) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        changes = {name: value.to(device, non_blocking=True) for name, value in self.changes.items()}
        return replace(self, **moved, changes=changes)

    def pin_memory(self) -> "CropBatch":
        """The same batch in page-locked memory."""
        pinned = {name: value.pin_memory() for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **pinned, changes={name: value.pin_memory() for name, value in self.changes.items()})

    def changed(self) -> "CropBatch":
        """The batch with its changes applied to the pixels, which become float32."""
        if not self.changes:
            return self
        matrix, deform = self.changes["matrix"], self.changes["deform"].view(-1, 1, 1)
        soft = self.rough.is_floating_point()
        warp, deformed = (warp_soft_masks, deform_soft_masks) if soft else (warp_masks, deform_masks)
        rough = warp(self.rough, self.changes["rough_matrix"])
        rough = torch.where(deform, deformed(rough, self.changes["bumps"]), rough)
        images = jitter_colour(warp_images(self.images, matrix), self.changes["colour"])
        target = None if self.target is None else warp_masks(self.target, matrix)
        return replace(self, images=images, rough=rough, target=target, changes={})


class CropDataset:
    """Crops of a store; entry (index, seed) is crop `index` with the change that `seed` draws.

    Without augmentation, or with one that changes nothing, samples are the stored crops themselves.
    """

    def __init__(self, store: CropStore, augmentation: CropAugmentationSettings | None) -> None:
        self.store = store
        self.augmentation = None if augmentation is None or _changes_nothing(augmentation) else augmentation

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, entry: tuple[int, int]) -> CropSample:
        index, seed = entry
        sample = sample_of(self.store, index, self.store.record(index))
        if self.augmentation is None:
            return sample
        size = self.store.layout.size
        scale = pixel_scale(self.store.table.window[index], size)
        change = draw_change(np.random.default_rng(seed), self.augmentation, sample.point, scale, size)
        point = move_points(sample.point[None], change.matrix, scale)[0]
        return replace(
            sample, point=point, others=move_points(sample.others, change.matrix, scale), change=change
        )


def sample_of(store: CropStore, index: int, pixels: dict[str, np.ndarray]) -> CropSample:
    """Crop `index` of a store, unchanged, from its pixels."""
    table = store.table
    return CropSample(
        image=pixels["image"],
        rough=pixels["rough"].astype(np.float32) / 255 if store.layout.soft else pixels["rough"],
        target=pixels.get("target"),
        point=table.point[index],
        others=table.others(index),
        label=int(table.label[index]),
        image_id=int(table.image_id[index]),
        change=None,
    )


def collate(samples: Sequence[CropSample]) -> CropBatch:
    """Put samples side by side."""
    most = max(len(sample.others) for sample in samples)
    others = np.full((len(samples), most, 2), NOWHERE, np.float32)
    for row, sample in zip(others, samples, strict=True):
        row[: len(sample.others)] = sample.others
    return CropBatch(
        images=_stack([sample.image for sample in samples]).permute(0, 3, 1, 2),
        rough=_stack([sample.rough for sample in samples]),
        target=None if samples[0].target is None else _stack([sample.target for sample in samples]),
        points=_stack([sample.point for sample in samples]),
        others=torch.from_numpy(others),
        labels=torch.tensor([sample.label for sample in samples]),
        image_ids=[sample.image_id for sample in samples],
        changes=_stacked_changes([sample.change for sample in samples]),
    )


def pixel_scale(window: np.ndarray, size: int) -> np.ndarray:
    """Pixels of the crop per pixel of the image, in x and y, float64 (2,)."""
    return size / np.array([window[2] - window[0], window[3] - window[1]], dtype=np.float64)


def _stacked_changes(changes: list[CropChange | None]) -> dict[str, Tensor]:
    if any(change is None for change in changes):
        return {}
    names = ("matrix", "rough_matrix", "deform", "bumps", "colour")
    return {name: _stack([np.asarray(getattr(change, name)) for change in changes]) for name in names}


def _stack(arrays: Sequence[np.ndarray]) -> Tensor:
    stacked = np.stack(arrays)
    return torch.from_numpy(stacked.astype(np.float32) if stacked.dtype == np.float64 else stacked)


def _changes_nothing(augmentation: CropAugmentationSettings) -> bool:
    still = CropAugmentationSettings(zoom=(1, 1), aspect=0, shift=0, rotate=0, flip=0, jitter=0, rough_noise=0)
    return augmentation == still
