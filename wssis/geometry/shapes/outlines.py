"""The outlines of the embedded data set's classes.

An outline is a list of closed rings, each (N, 2) float in units of the object's radius, centred near the origin; the
first ring is the border, the others are holes. Every function draws its proportions from `rng`.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Ring = NDArray[np.float64]
Outline = list[Ring]


def _polar(angles: NDArray[np.float64], radii: NDArray[np.float64] | float) -> Ring:
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def _turn(count: int) -> NDArray[np.float64]:
    return np.arange(count) * (2 * np.pi / count)


def disc(rng: Generator) -> Outline:
    """A full disc."""
    return [_polar(_turn(48), 1.0)]


def ring(rng: Generator) -> Outline:
    """A disc with a concentric hole of 45 to 68 % of its radius."""
    return [_polar(_turn(48), 1.0), _polar(_turn(48), rng.uniform(0.45, 0.68))]


def crescent(rng: Generator) -> Outline:
    """A disc with a bite by another disc: two arcs that meet in two horns."""
    shift, bite = rng.uniform(0.5, 0.75), rng.uniform(0.75, 0.95)
    along = (1 - bite**2 + shift**2) / (2 * shift)
    horn = np.arccos(along)
    inner = np.arctan2(np.sin(horn), np.cos(horn) - shift)
    outer_arc = _polar(np.linspace(horn, 2 * np.pi - horn, 36), 1.0)
    inner_arc = _polar(np.linspace(2 * np.pi - inner, inner, 28)[1:-1], bite) + np.array([shift, 0])
    return [np.concatenate([outer_arc, inner_arc]) + np.array([0.25, 0])]


def triangle(rng: Generator) -> Outline:
    """A triangle, near to equilateral."""
    return [_polar(_turn(3) + rng.uniform(-0.2, 0.2, 3), 1.05)]


def star(rng: Generator) -> Outline:
    """A star of four to six points."""
    points = int(rng.integers(4, 7))
    radii = np.where(np.arange(2 * points) % 2, rng.uniform(0.36, 0.5), 1.1)
    return [_polar(_turn(2 * points), radii)]


def cross(rng: Generator) -> Outline:
    """A plus sign with arms 40 to 66 % as wide as half its side."""
    arm = rng.uniform(0.2, 0.33)
    quarter = np.array([[1.0, -arm], [1.0, arm], [arm, arm]])
    turns = [np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) for t in _turn(4)]
    return [np.concatenate([quarter @ turn.T for turn in turns])]


def angle(rng: Generator) -> Outline:
    """An L of two arms, of unequal length and width."""
    length, arm, foot = rng.uniform(0.75, 1.0), rng.uniform(0.4, 0.62), rng.uniform(0.4, 0.62)
    right = 2 * length - 0.9
    corners = [[-0.9, -0.9], [right, -0.9], [right, foot - 0.9], [arm - 0.9, foot - 0.9], [arm - 0.9, 0.9], [-0.9, 0.9]]
    return [np.array(corners) + 0.15]


def heart(rng: Generator) -> Outline:
    """A heart, pointed below and notched above."""
    t = _turn(48)
    notch = rng.uniform(4.0, 6.0)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - notch * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.stack([x, -y], axis=1) / 16.0]


def arrow(rng: Generator) -> Outline:
    """A broad arrow: a shaft and a head."""
    shaft, neck, head = rng.uniform(0.16, 0.28), rng.uniform(-0.1, 0.2), rng.uniform(0.6, 0.85)
    upper = [[-1.0, shaft], [neck, shaft], [neck, head], [1.0, 0.0]]
    lower = [[x, -y] for x, y in reversed(upper[:-1])]
    return [np.array(upper + lower)]


def hourglass(rng: Generator) -> Outline:
    """Two triangles that share a waist."""
    waist, end = rng.uniform(0.1, 0.22), rng.uniform(0.65, 0.9)
    return [np.array([[-1, -end], [0, -waist], [1, -end], [1, end], [0, waist], [-1, end]], dtype=float)]


CATALOGUE: dict[str, Callable[[Generator], Outline]] = {
    "triangle": triangle,
    "crescent": crescent,
    "cross": cross,
    "ring": ring,
    "heart": heart,
    "disc": disc,
    "angle": angle,
    "star": star,
    "arrow": arrow,
    "hourglass": hourglass,
}
"""Class name -> outline, the commonest class first."""


def pose(outline: Outline, radius: float, centre: tuple[float, float], rotation: float, rng: Generator) -> Outline:
    """The outline with a random rotation, aspect (0.7-1), shear (up to 0.25) and mirror image, at a place.

    Args:
        radius: px; the area stays near that of the upright outline whatever the aspect.
        centre: (x, y) in pixel corners, px.
        rotation: largest rotation to either side, degrees.
    """
    theta, aspect, shear = np.radians(rng.uniform(-rotation, rotation)), rng.uniform(0.7, 1.0), rng.uniform(-0.25, 0.25)
    stretch = np.diag([1 / np.sqrt(aspect), np.sqrt(aspect) * rng.choice([-1.0, 1.0])])
    turn = np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
    matrix = radius * turn @ np.array([[1.0, shear], [0.0, 1.0]]) @ stretch
    return [ring @ matrix.T + centre for ring in outline]
