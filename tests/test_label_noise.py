"""Wrong labels of points: which are nearest to a boundary, and exactly how many there are."""

import numpy as np
from drawn_masks import drawn
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wssis.geometry.label_noise import boundary_distance, nearest_places, random_places, share_of

HAND = drawn("""
    .........
    ..####...
    ..####...
    ..####...
    .........
    .........
""")
SHARES = st.floats(0, 1)


def test_distance_in_a_hand_made_mask() -> None:
    points = np.array([[4.0, 2.5], [2.25, 2.0], [1.5, 2.0], [0.0, 0.0], [8.5, 5.5], [6.0, 4.0]])
    expected = [1.5, 0.25, 0.5, np.hypot(2, 1), np.hypot(2.5, 1.5), 0.0]
    assert boundary_distance(HAND, (0, 0), points).tolist() == expected


def test_distance_in_a_window_of_the_image() -> None:
    points = np.array([[4.0, 2.5], [2.25, 2.0], [1.5, 2.0]])
    window = HAND[0:5, 1:7]
    assert boundary_distance(window, (1, 0), points).tolist() == boundary_distance(HAND, (0, 0), points).tolist()


def test_the_images_edge_is_no_boundary() -> None:
    assert boundary_distance(np.ones((6, 9), bool), (0, 0), np.array([[0.5, 0.5]])).tolist() == [np.inf]


@given(arrays(np.bool_, (6, 9)), arrays(np.float64, (4, 2), elements=st.floats(0, 5.99)))
def test_distance_is_to_the_nearest_square_of_the_other_label(mask: np.ndarray, points: np.ndarray) -> None:
    found = boundary_distance(mask, (0, 0), points)
    for (x, y), distance in zip(points, found, strict=True):
        rows, columns = np.nonzero(mask != mask[int(y), int(x)])
        sides = np.array([columns - x, x - columns - 1, rows - y, y - rows - 1]).reshape(2, 2, -1).max(1).clip(0)
        assert distance == np.hypot(*sides).min(initial=np.inf)


@given(st.integers(0, 500), SHARES, st.integers(0, 99))
def test_random_noise_has_its_share_exactly(total: int, share: float, seed: int) -> None:
    places = random_places(total, share, np.random.default_rng(seed))
    assert len(set(places.tolist())) == len(places) == share_of(total, share)
    assert abs(len(places) - total * share) <= 0.5 + 1e-9
    assert all(0 <= place < total for place in places)


@given(arrays(np.float64, st.integers(0, 60), elements=st.floats(0, 9)), SHARES)
def test_noise_at_the_boundary_has_its_share_and_the_nearest(distance: np.ndarray, share: float) -> None:
    places = nearest_places(distance, share)
    assert len(places) == share_of(len(distance), share)
    others = np.delete(distance, places)
    assert not len(places) or not len(others) or distance[places].max() <= others.min()
