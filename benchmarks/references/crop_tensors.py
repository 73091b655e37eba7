"""The refiner's training tensor made anew for each sample, as published (`TrainSet`, `ValidSet` of MaskRefineNet).

The image is decoded, both masks are decoded and cut, and one heat map per class is laid out: C + 1 maps, as published,
though only one of them holds a Gaussian.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pycocotools import mask as mask_api
from torch import Tensor

from wssis.engine.crop_plan import PlannedCrop
from wssis.geometry.crops import cut_image, cut_rough, cut_target, to_crop
from wssis.geometry.heatmaps import gaussian_maps
from wssis.geometry.windows import Window, mask_window
from wssis.models.backbones import IMAGENET_MEAN, IMAGENET_STD

SIGMA, RADIUS = 6.0, 19
SCALE = 2.0


def float_sample(crop: PlannedCrop, path: Path, classes: int, size: int) -> tuple[Tensor, Tensor]:
    """Input float32 (3 + C + 1 + 1, S, S): RGB | heat maps, class c lights c + 1 | rough; target uint8 (S, S)."""
    with Image.open(path) as file:
        image = np.asarray(file.convert("RGB"))
    rough = mask_api.decode(crop.rough)
    window = _window(rough, crop.point)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    maps = torch.zeros(classes + 1, size, size)
    point = torch.from_numpy(to_crop(np.array([crop.point]), window, size))
    maps[crop.label + 1] = gaussian_maps(point, size, SIGMA, RADIUS)[0]
    colour = (cut_image(image, window, size) - mean) / std
    mask = torch.from_numpy(cut_rough(rough, window, size)).float()
    target = torch.from_numpy(cut_target(mask_api.decode(crop.target), window, size))
    return torch.cat([colour, maps, mask[None]]), target


def float_batch(crops: list[PlannedCrop], paths: list[Path], classes: int, size: int) -> tuple[Tensor, Tensor]:
    """Samples side by side, as a loader stacks them."""
    samples = [float_sample(crop, path, classes, size) for crop, path in zip(crops, paths, strict=True)]
    return torch.stack([x for x, _ in samples]), torch.stack([target for _, target in samples])


def _window(rough: np.ndarray, point: tuple[float, float]) -> Window:
    rows, columns = rough.any(1).nonzero()[0], rough.any(0).nonzero()[0]
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return mask_window(box, point, SCALE, *rough.shape)
