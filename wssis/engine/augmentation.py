"""Colours of training images: brightness, contrast, saturation, hue and grey, as one linear map of RGB.

All five are linear in RGB (hue as a rotation of the chroma plane, YIQ), so that a pixel is touched once. Factors as in
torchvision: brightness, contrast, saturation uniform in 1 - s ... 1 + s, hue in turns.
"""

import math

import numpy as np
import torch
from torch import Tensor

from wssis.config.training import AugmentationSettings

LUMA = np.array([0.299, 0.587, 0.114])
TO_YIQ = np.array([LUMA, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
FROM_YIQ = np.linalg.inv(TO_YIQ)


def _saturation(factor: float) -> np.ndarray:
    """Towards grey (0) or away from it (above 1)."""
    return factor * np.eye(3) + (1 - factor) * np.tile(LUMA, (3, 1))


def _hue(turns: float) -> np.ndarray:
    """Rotation of the chroma plane."""
    cosine, sine = math.cos(2 * math.pi * turns), math.sin(2 * math.pi * turns)
    return FROM_YIQ @ np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]]) @ TO_YIQ


def draw_colours(
    settings: AugmentationSettings, generator: np.random.Generator
) -> tuple[np.ndarray, float] | None:
    """A colour matrix (3, 3) and the contrast factor to be applied first, or None where nothing changes.

    The same number of random numbers is drawn whatever the settings, so that one setting does not change another's.
    """
    draws = generator.uniform(-1, 1, 4)
    grey = bool(generator.random() < settings.greyscale)
    if not (settings.jitter or settings.hue or grey):
        return None
    brightness, contrast, saturation = 1 + settings.jitter * draws[:3]
    matrix = brightness * _hue(settings.hue * draws[3]) @ _saturation(0.0 if grey else saturation)
    return matrix, float(contrast)


def change_colours(image: Tensor, matrix: np.ndarray, contrast: float) -> Tensor:
    """RGB uint8 (3, H, W) -> uint8 (3, H, W): contrast around the image's mean grey, then the matrix, then clipping."""
    pixels = image.reshape(3, -1).to(torch.float32)
    grey = float(LUMA @ pixels.mean(1).double().numpy())
    shift = torch.from_numpy(matrix.sum(1) * (1 - contrast) * grey + 0.5).float()
    changed = torch.addmm(shift[:, None], torch.from_numpy(matrix * contrast).float(), pixels)
    return changed.clamp_(0, 255).to(torch.uint8).view(image.shape)
