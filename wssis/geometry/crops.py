"""Cut a window of an image to an S x S crop, and paste a crop's probability back (`method.md`, Crop).

Windows are xyxy with exclusive x2, y2, at least one pixel wide and high, inside the image.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wssis.geometry.windows import Window


def cut_image(image: np.ndarray, window: Window, size: int, antialias: bool = False) -> Tensor:
    """Bilinear crop, float32 (3, S, S) in 0-255, of an image uint8 (H, W, 3)."""
    pixels = torch.from_numpy(np.ascontiguousarray(_inside(image, window))).permute(2, 0, 1)
    return _resize(pixels[None].float(), (size, size), antialias)[0]


def cut_rough(mask: np.ndarray, window: Window, size: int) -> np.ndarray:
    """Nearest-neighbour crop, uint8 (S, S) of 0 and 1, of a mask (H, W), as published.

    >>> cut_rough(np.eye(4, dtype=np.uint8), (0, 0, 4, 4), 2)
    array([[1, 0],
           [0, 1]], dtype=uint8)
    """
    pixels = torch.from_numpy(np.ascontiguousarray(_inside(mask, window), dtype=np.float32))
    return F.interpolate(pixels[None, None], (size, size), mode="nearest")[0, 0].numpy().astype(np.uint8)


def cut_soft(level_sets: Sequence[np.ndarray], window: Window, size: int) -> np.ndarray:
    """Crop of a soft mask given by its level sets (H, W), cut as rough masks are: uint8 (S, S), their mean x 255.

    >>> cut_soft([np.array([[1, 1]], np.uint8), np.array([[0, 1]], np.uint8)], (0, 0, 2, 1), 2)
    array([[128, 255],
           [128, 255]], dtype=uint8)
    """
    mean = np.mean([cut_rough(one, window, size) for one in level_sets], axis=0)
    return (mean * 255).round().astype(np.uint8)


def cut_target(mask: np.ndarray, window: Window, size: int) -> np.ndarray:
    """Bilinear crop above one half, uint8 (S, S): the exact counterpart of `paste`, without half-pixel shift."""
    pixels = torch.from_numpy(np.ascontiguousarray(_inside(mask, window), dtype=np.float32))
    return (_resize(pixels[None, None], (size, size), antialias=False)[0, 0] > 0.5).numpy().astype(np.uint8)


def to_crop(points: np.ndarray, window: Window, size: int) -> np.ndarray:
    """Points float64 (N, 2) of the image in px of the crop, float32: the index as it is, as published.

    >>> to_crop(np.array([[120.0, 90.0]]), (86, 57, 128, 96), 64).tolist()
    [[51.80952453613281, 54.153846740722656]]
    """
    x1, y1, x2, y2 = window
    moved = (np.asarray(points, dtype=np.float64).reshape(-1, 2) - (x1, y1)) * size / (x2 - x1, y2 - y1)
    return moved.astype(np.float32)


def paste(probability: Tensor, window: Window, height: int, width: int, threshold: float = 0.5) -> np.ndarray:
    """Mask bool (H, W) of a crop's probability (S, S): resized to its window (bilinear), then thresholded.

    >>> paste(torch.ones(2, 2), (1, 0, 3, 1), height=2, width=4).astype(int)
    array([[0, 1, 1, 0],
           [0, 0, 0, 0]])
    """
    x1, y1, x2, y2 = window
    mask = np.zeros((height, width), dtype=bool)
    resized = _resize(probability[None, None].float(), (y2 - y1, x2 - x1), antialias=False)[0, 0]
    mask[y1:y2, x1:x2] = (resized > threshold).cpu().numpy()
    return mask


def paste_uncertain(probability: Tensor, window: Window, height: int, width: int, band: float) -> np.ndarray:
    """Pixels bool (H, W) of the window whose pasted probability is less than `band` from one half.

    >>> paste_uncertain(torch.tensor([[0.1, 0.45, 0.9]]), (1, 0, 4, 1), height=1, width=5, band=0.1).astype(int)
    array([[0, 0, 1, 0, 0]])
    """
    x1, y1, x2, y2 = window
    uncertain = np.zeros((height, width), dtype=bool)
    resized = _resize(probability[None, None].float(), (y2 - y1, x2 - x1), antialias=False)[0, 0]
    uncertain[y1:y2, x1:x2] = ((resized - 0.5).abs() < band).cpu().numpy()
    return uncertain


def _inside(array: np.ndarray, window: Window) -> np.ndarray:
    x1, y1, x2, y2 = window
    return array[y1:y2, x1:x2]


def _resize(pixels: Tensor, size: tuple[int, int], antialias: bool) -> Tensor:
    return F.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=antialias)
