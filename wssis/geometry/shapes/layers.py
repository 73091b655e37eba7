"""A scene as a stack of layers: what is seen of each, and the picture they make together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from wssis.geometry.shapes.outlines import Outline
from wssis.geometry.shapes.surfaces import Picture


@dataclass(frozen=True)
class Layer:
    """One thing of a scene; later layers of a stack lie above earlier ones.

    alpha: float32 (size, size), share of each pixel it covers.
    surface: float32 (size, size, 3), what it looks like.
    category: place of its class in the catalogue, None for a distractor.
    outline, radius: of an object, px.
    full_area: px of the whole object, also of what lies outside the picture.
    """

    alpha: NDArray[np.float32]
    surface: Picture
    category: int | None = None
    outline: Outline | None = None
    radius: float = 0.0
    full_area: float = 0.0

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels that it covers by half or more."""
        return self.alpha >= 0.5


def polygon_area(outline: Outline) -> float:
    """Area of the border ring less that of the holes, px.

    >>> polygon_area([np.array([[0, 0], [2, 0], [2, 2], [0, 2]])])
    4.0
    """
    areas = [abs(np.sum(r[:, 0] * np.roll(r[:, 1], -1) - r[:, 1] * np.roll(r[:, 0], -1))) / 2 for r in outline]
    return float(areas[0] - sum(areas[1:]))


def visible_masks(layers: Sequence[Layer]) -> list[NDArray[np.bool_]]:
    """For every layer the mask of its visible part: what no layer above it covers."""
    hidden = np.zeros(layers[0].alpha.shape, dtype=bool) if layers else np.zeros((0, 0), dtype=bool)
    visible = []
    for layer in reversed(layers):
        visible.append(layer.mask & ~hidden)
        hidden = hidden | layer.mask
    return visible[::-1]


def enough_visible(layers: Sequence[Layer], least: float, least_pixels: int) -> bool:
    """Whether of every object a share `least` and every visible fragment `least_pixels` px can be seen."""
    for layer, visible in zip(layers, visible_masks(layers), strict=True):
        if layer.category is None:
            continue
        if visible.sum() < max(least * layer.full_area, least_pixels):
            return False
        fragments, count = ndimage.label(visible)
        if count > 1 and np.bincount(fragments.ravel())[1:].min() < least_pixels:
            return False
    return True


def compose(background: Picture, layers: Sequence[Layer], rims: Sequence[float], shadows: Sequence[float]) -> Picture:
    """Paint the layers over the background, from the lowest to the highest.

    Args:
        rims: per layer how much lighter (darker, if negative) its border is than its middle.
        shadows: per layer how dark the shadow is that it throws on what lies below, 0 ... 1.
    """
    picture = background
    for layer, rim, shadow in zip(layers, rims, shadows, strict=True):
        soft = ndimage.gaussian_filter(layer.alpha, 1.5 * len(background) / 128)
        if shadow:
            picture = picture * (1 - shadow * np.roll(soft, (2, 2), axis=(0, 1)))[..., None]
        alpha = layer.alpha[..., None]
        lit = layer.surface + rim * (layer.alpha * (1 - soft))[..., None]
        picture = picture * (1 - alpha) + np.clip(lit, 0, 255) * alpha
    return picture
