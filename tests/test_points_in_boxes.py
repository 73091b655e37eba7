"""Points drawn in boxes lie in them, and have the label of the pixel they are in."""

import numpy as np
from drawn_masks import drawn
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wssis.geometry.box_points import labels_at, uniform_in_box

HAND = drawn("""
    .........
    ..####...
    ..#..##..
    ..####...
    .........
    ........#
""")


def test_labels_of_a_hand_made_mask() -> None:
    points = np.array([[2.0, 1.0], [1.99, 1.0], [2.99, 2.5], [3.0, 2.5], [6.999, 2.999], [7.0, 2.5], [9.0, 6.0]])
    assert labels_at(HAND, points).tolist() == [1, 0, 1, 0, 1, 0, 1]


def test_points_are_uniform_in_the_box() -> None:
    points = uniform_in_box([10, 20, 4, 2], 4000, np.random.default_rng(0))
    assert points.shape == (4000, 2)
    parts = np.floor((points - [10, 20]) / [1, 1]).astype(int)
    assert parts.min() == 0 and parts.max(0).tolist() == [3, 1]
    counts = np.bincount(parts[:, 0] * 2 + parts[:, 1], minlength=8)
    assert counts.min() > 400 and counts.max() < 600  # 500 each; these are about five standard deviations.


@given(arrays(np.bool_, (5, 7)), st.integers(0, 2**32 - 1))
def test_a_labels_pixel_is_the_one_it_lies_in(mask: np.ndarray, seed: int) -> None:
    points = uniform_in_box([0, 0, 7, 5], 20, np.random.default_rng(seed))
    expected = [int(mask[int(y), int(x)]) for x, y in points]
    assert labels_at(mask, points).tolist() == expected
