"""Pictures cut from photographs: backgrounds of scenes, and the surfaces of the things in them.

A picture is float32 (size, size, 3), RGB, 0 ... 255; a photograph is uint8 (H, W, 3).
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Photograph = NDArray[np.uint8]
Picture = NDArray[np.float32]

SMALLEST_CROP = 72
"""Least side of a crop, px of the photograph."""


def cut(photographs: Sequence[Photograph], size: int, rng: Generator) -> Picture:
    """A square cut of a random photograph, at a random scale, turned by a multiple of 90 degrees and mirrored."""
    photograph = photographs[rng.integers(len(photographs))]
    height, width = photograph.shape[:2]
    side = int(rng.integers(SMALLEST_CROP, min(height, width, 420) + 1))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    square = photograph[top : top + side, left : left + side]
    turned = np.rot90(square, int(rng.integers(4)))
    turned = turned[:, ::-1] if rng.random() < 0.5 else turned
    image = Image.fromarray(np.ascontiguousarray(turned))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0), dtype=np.float32)


def tone(picture: Picture, rng: Generator) -> Picture:
    """The picture with another gamma, contrast, brightness and cast."""
    scaled = np.clip(picture, 0, 255) / 255
    graded = scaled ** rng.uniform(0.6, 1.6) * rng.uniform(0.55, 1.0) + rng.uniform(0, 0.25)
    return np.clip(graded * rng.uniform(0.8, 1.2, 3) * 255, 0, 255).astype(np.float32)


def _ramp(size: int, rng: Generator) -> NDArray[np.float32]:
    """A soft border in a random direction: 0 on one side, 1 on the other."""
    theta, offset, softness = rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3), rng.uniform(0.02, 0.5)
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    return (1 / (1 + np.exp(-(x * np.cos(theta) + y * np.sin(theta) - offset) / softness * 4))).astype(np.float32)


def background(photographs: Sequence[Photograph], size: int, rng: Generator) -> Picture:
    """A toned cut; in every third scene two of them, side by side with a soft border; sometimes out of focus."""
    picture = tone(cut(photographs, size, rng), rng)
    if rng.random() < 0.35:
        weight = _ramp(size, rng)[..., None]
        picture = picture * weight + tone(cut(photographs, size, rng), rng) * (1 - weight)
    if rng.random() < 0.3:
        sigma = rng.uniform(0.5, 2.0) * size / 128
        picture = ndimage.gaussian_filter(picture, (sigma, sigma, 0))
    return picture


def _stripes(size: int, rng: Generator) -> NDArray[np.float32]:
    """Waves of one direction and length, (size, size, 1), of unit deviation."""
    theta, length = rng.uniform(0, np.pi), rng.uniform(4, 12) * size / 128
    y, x = np.mgrid[0:size, 0:size]
    return np.sin((x * np.cos(theta) + y * np.sin(theta)) * 2 * np.pi / length).astype(np.float32)[..., None] * 1.4


def texture(photographs: Sequence[Photograph], size: int, rng: Generator) -> Picture:
    """A pattern of zero mean and unit deviation: cut from a photograph, striped, grainy or plain."""
    kind = rng.choice(4, p=[0.55, 0.15, 0.15, 0.15])
    if kind == 0:
        pattern = cut(photographs, size, rng)
        pattern = pattern - pattern.mean(axis=(0, 1))
        return pattern / max(float(pattern.std()), 1.0)
    if kind == 1:
        return np.broadcast_to(_stripes(size, rng), (size, size, 3))
    grain = rng.standard_normal((size, size, 1)).astype(np.float32) if kind == 2 else np.zeros((size, size, 1))
    return np.broadcast_to(grain, (size, size, 3)).astype(np.float32)


def surface(around: NDArray[np.float32], pattern: Picture, contrast: float, rng: Generator) -> Picture:
    """What a thing looks like: a mean colour at a distance from its surroundings, a pattern, and a gradient of light.

    Args:
        around: mean colour (3,) of the background where the thing lies.
        contrast: 0 (the colour of the surroundings) ... 1 (far from it).
    """
    size = pattern.shape[0]
    direction = rng.standard_normal(3) + rng.choice([-1.5, 1.5])
    offset = contrast * 110 * direction / np.linalg.norm(direction)
    # A colour that would be clipped away goes the other way instead, so that the contrast is kept.
    inside = (around + offset > 5) & (around + offset < 250)
    colour = around + np.where(inside, offset, -offset)
    theta, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, 25)
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    light = slope * 3 * (x * np.cos(theta) + y * np.sin(theta))
    return (colour + pattern * rng.uniform(6, 26) + light[..., None]).astype(np.float32)
