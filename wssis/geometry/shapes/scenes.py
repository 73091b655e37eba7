"""Scenes of the embedded data set: which objects, where, over and under what."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from wssis.config.data_stages import GenerateSettings
from wssis.errors import InputError
from wssis.geometry.shapes.clutter import distractor
from wssis.geometry.shapes.layers import Layer, compose, enough_visible, polygon_area, visible_masks
from wssis.geometry.shapes.outlines import CATALOGUE, Outline, pose
from wssis.geometry.shapes.raster import coverage, silhouette
from wssis.geometry.shapes.surfaces import Photograph, Picture, background, surface, texture

LEAST_PIXELS = 12
"""Smallest visible fragment of an object, px; a placement that leaves less is tried again."""
TRIES = 12


@dataclass(frozen=True)
class Scene:
    """A finished scene: picture uint8 (size, size, 3); per object its class (place in the catalogue) and its
    visible mask, boolean (size, size)."""

    picture: NDArray[np.uint8]
    categories: list[int]
    masks: list[NDArray[np.bool_]]


@dataclass
class _Draft:
    """A scene in the making, and what it is made from."""

    settings: GenerateSettings
    photographs: Sequence[Photograph]
    rng: Generator
    ground: Picture
    layers: list[Layer]


def class_shares(classes: int, tail: float) -> NDArray[np.float64]:
    """Frequency of every class, (classes,), falling geometrically by `tail` from the first to the last; sums to 1."""
    weights = tail ** -(np.arange(classes) / (classes - 1))
    return weights / weights.sum()


def _log_uniform(low: float, high: float, rng: Generator) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _layer(draft: _Draft, alpha: NDArray[np.float32], like: Layer | None, **object_fields: object) -> Layer:
    """Give a thing its surface; every second object looks like the one (`like`) that it touches."""
    size, rng = draft.settings.size, draft.rng
    if like is not None and rng.random() < 0.5:
        look = np.rot90(like.surface, int(rng.integers(4))) + rng.uniform(-10, 10, 3).astype(np.float32)
        return Layer(alpha, look, **object_fields)
    weight = alpha / max(float(alpha.sum()), 1e-6)
    around = np.einsum("hwc,hw->c", draft.ground, weight)
    pattern = texture(draft.photographs, size, rng)
    return Layer(alpha, surface(around, pattern, rng.uniform(*draft.settings.contrast), rng), **object_fields)


def _try_to_add(draft: _Draft, layer: Layer, place: int, alone: bool) -> bool:
    """Put a layer into the stack if everything stays visible enough (and, alone, away from its own class)."""
    if alone:
        grown = ndimage.binary_dilation(layer.mask, iterations=3)
        if any(other.category == layer.category and (other.mask & grown).any() for other in draft.layers):
            return False
    layers = [*draft.layers[:place], layer, *draft.layers[place:]]
    if not enough_visible(layers, draft.settings.visible, LEAST_PIXELS):
        return False
    draft.layers = layers
    return True


def _outline(draft: _Draft, category: int, radius: float, centre: tuple[float, float]) -> Outline:
    outline = list(CATALOGUE.values())[category](draft.rng)
    return pose(outline, radius, centre, draft.settings.rotation, draft.rng)


def _object(draft: _Draft, category: int, outline: Outline, radius: float, like: Layer | None) -> Layer:
    alpha = coverage(outline, draft.settings.size)
    area = polygon_area(outline)
    return _layer(draft, alpha, like, category=category, outline=outline, radius=radius, full_area=area)


def _add_single(draft: _Draft, category: int) -> Layer | None:
    """An object at a random place, up to a part of it outside the picture, away from others of its class."""
    size = draft.settings.size
    for _ in range(TRIES):
        radius = _log_uniform(*draft.settings.object_size, draft.rng) * size / 2
        centre = draft.rng.uniform(0.4 * radius, size - 0.4 * radius, 2)
        layer = _object(draft, category, _outline(draft, category, radius, tuple(centre)), radius, None)
        if _try_to_add(draft, layer, len(draft.layers), alone=True):
            return layer
    return None


def _slide_against(
    anchor: Layer, outline: Outline, direction: NDArray[np.float64], overlap: float, size: int
) -> Outline:
    """Move an outline along a direction to where it just overlaps the anchor by a share of the smaller of both.

    Args:
        outline: centred on the anchor.
        direction: unit vector (x, y).
        overlap: 0 for mere contact.
    """
    still = anchor.mask
    far = anchor.radius * 1.6 + max(np.abs(ring).max() for ring in [outline[0] - outline[0].mean(axis=0)]) * 1.3
    wanted = max(1.0, overlap * min(still.sum(), polygon_area(outline)))
    near = 0.0
    for _ in range(8):
        middle = (near + far) / 2
        moving = silhouette([ring + direction * middle for ring in outline], size)
        near, far = (middle, far) if (moving & still).sum() >= wanted else (near, middle)
    return [ring + direction * near for ring in outline]


def _add_beside(draft: _Draft, anchor: Layer) -> Layer | None:
    """An object of the anchor's class that touches it, lies partly on it or partly under it."""
    rng, size = draft.rng, draft.settings.size
    assert anchor.outline is not None and anchor.category is not None
    for _ in range(TRIES):
        radius = float(
            np.clip(anchor.radius * rng.uniform(0.7, 1.4), *(np.array(draft.settings.object_size) * size / 2))
        )
        outline = _outline(draft, anchor.category, radius, tuple(anchor.outline[0].mean(axis=0)))
        theta = rng.uniform(0, 2 * np.pi)
        overlap = 0.0 if rng.random() < 0.45 else rng.uniform(0.03, 0.35)
        outline = _slide_against(anchor, outline, np.array([np.cos(theta), np.sin(theta)]), overlap, size)
        layer = _object(draft, anchor.category, outline, radius, anchor)
        below = next(place for place, other in enumerate(draft.layers) if other is anchor)
        if _try_to_add(draft, layer, len(draft.layers) if rng.random() < 0.6 else below, alone=False):
            return layer
    return None


def _add_objects(draft: _Draft) -> None:
    """Singles and groups of one class until the scene has its number of objects, or no room is left."""
    settings, rng = draft.settings, draft.rng
    wanted = int(rng.integers(settings.objects[0], settings.objects[1] + 1))
    shares = class_shares(settings.classes, settings.tail)
    # A group has 2.3 objects on average; this makes `touching` the share of objects, not of groups.
    group_share = settings.touching / (2.3 - 1.3 * settings.touching)
    missing, failures = wanted, 0
    while missing > 0 and failures < TRIES:
        latest = _add_single(draft, int(rng.choice(settings.classes, p=shares)))
        failures += latest is None
        missing -= latest is not None
        more = 0 if latest is None or rng.random() >= group_share else (2 if rng.random() < 0.3 else 1)
        while more and missing and latest is not None:
            latest = _add_beside(draft, latest)
            missing, more = missing - (latest is not None), more - 1


def _add_distractors(draft: _Draft, occupied: bool) -> None:
    """Things of no class: two of three below the objects, the others above, as far as the objects stay visible."""
    rng = draft.rng
    for _ in range(int(rng.integers(draft.settings.distractors[0], draft.settings.distractors[1] + 1))):
        layer = _layer(draft, distractor(draft.settings.size, rng), None)
        place = len(draft.layers) if rng.random() < 0.33 or not occupied else 0
        if not _try_to_add(draft, layer, place, alone=False):
            _try_to_add(draft, layer, 0, alone=False)


def _finish(draft: _Draft) -> NDArray[np.uint8]:
    """Paint the scene, then blur and noise as a camera would; uint8 (size, size, 3)."""
    rng, settings, count = draft.rng, draft.settings, len(draft.layers)
    rims = rng.uniform(-45, 45, count)
    shadows = np.where(rng.random(count) < 0.3, rng.uniform(0.1, 0.5, count), 0)
    picture = compose(draft.ground, draft.layers, rims, shadows)
    sigma = rng.uniform(*settings.blur)
    picture = ndimage.gaussian_filter(picture, (sigma, sigma, 0)) if sigma else picture
    picture = picture + rng.standard_normal(picture.shape) * rng.uniform(*settings.noise)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def draw_scene(settings: GenerateSettings, photographs: Sequence[Photograph], empty: bool, rng: Generator) -> Scene:
    """Draw one scene.

    Args:
        photographs: uint8 (H, W, 3) each; backgrounds and surfaces are cut from them.
        empty: no objects, distractors only.

    Raises:
        InputError: the settings leave no room for even one object.
    """
    draft = _Draft(settings, photographs, rng, background(photographs, settings.size, rng), [])
    for _ in range(0 if empty else TRIES):
        if not draft.layers:
            _add_objects(draft)
    if not empty and not draft.layers:
        raise InputError("shapes: no object finds room; lower object_size or visible")
    _add_distractors(draft, occupied=not empty)
    masks = visible_masks(draft.layers)
    objects = [
        (layer.category, mask) for layer, mask in zip(draft.layers, masks, strict=True) if layer.category is not None
    ]
    # The order of annotations must not tell which object lies on top.
    order = rng.permutation(len(objects))
    return Scene(_finish(draft), [objects[i][0] for i in order], [objects[i][1] for i in order])
