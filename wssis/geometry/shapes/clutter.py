"""Distractors: things of no class. Each function returns the coverage (size, size), 0 ... 1, of one distractor."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from wssis.geometry.shapes.raster import coverage, stroke_coverage


def _place(size: int, rng: Generator) -> NDArray[np.float64]:
    return rng.uniform(0.05, 0.95, 2) * size


def blob(size: int, rng: Generator) -> NDArray[np.float32]:
    """A peanut, a trefoil or a flower: lobes so deep and even that no disc, heart or star comes out."""
    t = np.arange(60) * (2 * np.pi / 60)
    radii = 1 + rng.uniform(0.3, 0.42) * np.cos(rng.choice([2, 3, 5]) * t + rng.uniform(0, 2 * np.pi))
    radii += rng.uniform(0.03, 0.1) * np.cos(rng.integers(4, 8) * t + rng.uniform(0, 2 * np.pi))
    ring = np.stack([radii * np.cos(t), radii * np.sin(t)], axis=1) * rng.uniform(0.05, 0.14) * size
    return coverage([ring + _place(size, rng)], size)


def quadrilateral(size: int, rng: Generator) -> NDArray[np.float32]:
    """A bar or a board: four corners, from slender to stout."""
    half = np.array([1.0, rng.uniform(0.2, 0.9)])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half * rng.uniform(0.85, 1.15, (4, 2))
    theta = rng.uniform(0, np.pi)
    turn = np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
    return coverage([corners @ turn.T * rng.uniform(0.06, 0.14) * size + _place(size, rng)], size)


def wire(size: int, rng: Generator) -> NDArray[np.float32]:
    """A thin line that bends once, across a part of the picture."""
    ends = rng.uniform(-0.1, 1.1, (3, 2)) * size
    t = np.linspace(0, 1, 24)[:, None]
    curve = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * ends[1] + t**2 * ends[2]
    return stroke_coverage([curve], rng.uniform(0.8, 2.6) * size / 128, size)


def writing(size: int, rng: Generator) -> NDArray[np.float32]:
    """A row of strokes like letters."""
    height, letters = rng.uniform(0.05, 0.11) * size, int(rng.integers(3, 8))
    start, theta = _place(size, rng), rng.uniform(-0.6, 0.6)
    turn = np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
    strokes = []
    for letter in range(letters):
        points = rng.uniform(0, 1, (int(rng.integers(3, 5)), 2)) * (0.6 * height, height)
        strokes.append((points + np.array([letter * 0.8 * height, 0])) @ turn.T + start)
    return stroke_coverage(strokes, rng.uniform(0.9, 1.8) * size / 128, size)


KINDS = (blob, quadrilateral, wire, writing)


def distractor(size: int, rng: Generator) -> NDArray[np.float32]:
    """One distractor of a random kind."""
    return KINDS[rng.integers(len(KINDS))](size, rng)
