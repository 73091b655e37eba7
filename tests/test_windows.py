"""Crop windows: as published, inside the image, around the point; and what hypothesis makes of that."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wssis.geometry import crop_changes, crops, heatmaps, windows
from wssis.geometry.crops import cut_rough, cut_target, paste, to_crop
from wssis.geometry.windows import mask_window, median_boxes, point_window


@pytest.mark.parametrize("module", [crop_changes, crops, heatmaps, windows])
def test_examples_in_docstrings(module: object) -> None:
    import torch

    assert doctest.testmod(module, extraglobs={"torch": torch, "np": np}).failed == 0


@st.composite
def _cases(draw: st.DrawFn) -> tuple[tuple[int, int, int, int], tuple[float, float], float, int, int, int]:
    width, height = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    x1, y1 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    x2, y2 = draw(st.integers(x1 + 1, width)), draw(st.integers(y1 + 1, height))
    point = (draw(st.floats(-0.5, width - 0.501)), draw(st.floats(-0.5, height - 0.501)))
    return (x1, y1, x2, y2), point, draw(st.floats(1, 4)), height, width, draw(st.integers(1, 30))


@given(_cases())
def test_window_is_inside_the_image_and_holds_box_and_point(case: tuple) -> None:
    box, point, scale, height, width, min_side = case
    x1, y1, x2, y2 = mask_window(box, point, scale, height, width, min_side)
    assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
    assert x1 <= box[0] and y1 <= box[1] and x2 >= box[2] and y2 >= box[3]
    assert x1 - 0.5 <= point[0] <= x2 - 0.5 and y1 - 0.5 <= point[1] <= y2 - 0.5


@given(_cases(), st.tuples(st.floats(1, 80), st.floats(1, 80)))
def test_window_around_a_point_alone_is_inside_and_holds_it(case: tuple, size: tuple[float, float]) -> None:
    _, point, scale, height, width, _ = case
    x1, y1, x2, y2 = point_window(point, size, scale, height, width)
    assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
    assert x1 - 0.5 <= point[0] <= x2 - 0.5 and y1 - 0.5 <= point[1] <= y2 - 0.5


def test_median_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one box"):
        median_boxes([])


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 5), st.integers(0, 5))
def test_a_block_goes_to_the_crop_and_back(w: int, h: int, x: int, y: int) -> None:
    mask = np.zeros((40, 40), bool)
    mask[10 + y : 10 + y + h, 10 + x : 10 + x + w] = True
    window = (5, 5, 37, 37)
    target = cut_target(mask, window, 64)
    import torch

    assert np.array_equal(paste(torch.from_numpy(target).float(), window, 40, 40), mask)


def test_crop_of_one_pixel() -> None:
    mask = np.zeros((6, 9), bool)
    mask[2, 3] = True
    window = mask_window((3, 2, 4, 3), (3, 2), 2.0, 6, 9)
    assert window == (3, 2, 4, 3)
    assert cut_rough(mask, window, 32).all() and to_crop(np.array([[3, 2]]), window, 32).tolist() == [[0, 0]]
