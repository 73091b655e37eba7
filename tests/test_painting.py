"""Masks and points on pictures, by eye."""

import numpy as np
from drawn_masks import drawn
from PIL import Image, ImageDraw

from wssis.geometry.painting import lay_dot, lay_mask, lay_outline

MASK = drawn("""
    .........
    .######..
    .######..
    .######..
    .######..
    .######..
    .........
""")
INNER = drawn("......... ......... ......... ...##.... ......... ......... .........")
RED = (255, 0, 0)


def _painted(canvas: np.ndarray) -> np.ndarray:
    return (canvas != 100).any(2)


def test_a_mask_is_see_through_inside_and_full_at_its_border() -> None:
    canvas = np.full((7, 9, 3), 100, np.float32)
    lay_mask(canvas, MASK, RED)
    assert (_painted(canvas) == MASK).all()
    assert np.allclose(canvas[INNER], [0.55 * 100 + 0.45 * 255, 55, 55])
    assert (canvas[MASK & ~INNER] == RED).all()


def test_an_outline_leaves_the_inside() -> None:
    canvas = np.full((7, 9, 3), 100, np.float32)
    lay_outline(canvas, MASK, RED)
    assert (_painted(canvas) == (MASK & ~INNER)).all()


def test_a_mask_is_scaled_to_the_canvas_and_an_empty_one_paints_nothing() -> None:
    canvas = np.full((14, 18, 3), 100, np.float32)
    lay_mask(canvas, np.zeros_like(MASK), RED)
    assert not _painted(canvas).any()
    lay_mask(canvas, MASK, RED)
    assert (_painted(canvas) == MASK.repeat(2, 0).repeat(2, 1)).all()


def test_a_dot_has_a_dark_edge_and_a_white_rim() -> None:
    picture = Image.new("RGB", (21, 21), (100, 100, 100))
    lay_dot(ImageDraw.Draw(picture), 10, 10, RED)
    line = [picture.getpixel((x, 10)) for x in range(10, 21)]
    assert list(dict.fromkeys(line)) == [RED, (255, 255, 255), (20, 20, 20), (100, 100, 100)]
