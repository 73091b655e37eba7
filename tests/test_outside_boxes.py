"""Points outside of boxes: where they are, and that no place outside is left out or preferred."""

import numpy as np

from wssis.geometry.outside_boxes import uniform_outside_boxes

HEIGHT, WIDTH = 30, 40


def _inside(points: np.ndarray, box: list[float]) -> np.ndarray:
    left, top, right, bottom = box
    return (points[:, 0] > left) & (points[:, 0] < right) & (points[:, 1] > top) & (points[:, 1] < bottom)


def test_points_lie_in_the_image_and_outside_of_their_own_box() -> None:
    boxes = [[5, 5, 20, 12], [0, 0, 40, 29.5], [0, 10, 10, 30], [39, 0, 40, 30], [10, 10, 10, 20]]
    drawn = uniform_outside_boxes(np.array(boxes, float), (HEIGHT, WIDTH), 200, np.random.default_rng(0))
    assert drawn.shape == (5, 200, 2)
    assert ((drawn >= 0) & (drawn <= [WIDTH, HEIGHT])).all()
    for box, points in zip(boxes, drawn, strict=True):
        assert not _inside(points, box).any()
    assert (drawn[1, :, 1] >= 29.5).all(), "a strip of half a pixel is all there is"
    assert _inside(drawn[0], boxes[2]).any(), "one object's box is another's outside"


def test_every_place_outside_is_as_likely() -> None:
    box = [8.0, 6.0, 24.0, 18.0]
    (points,) = uniform_outside_boxes(np.array([box]), (HEIGHT, WIDTH), 20_000, np.random.default_rng(1))
    counts, _, _ = np.histogram2d(points[:, 1], points[:, 0], bins=(5, 5), range=((0, HEIGHT), (0, WIDTH)))
    # Tiles of 6 x 8 px; the box is exactly 2 x 2 of them.
    assert (counts[1:3, 1:3] == 0).all()
    rest = np.delete(counts.ravel(), [6, 7, 11, 12])
    expected = 20_000 / 21
    assert np.abs(rest - expected).max() < 5 * np.sqrt(expected)


def test_a_box_that_leaves_nothing_and_no_boxes_or_points_at_all() -> None:
    rng = np.random.default_rng(0)
    whole = np.array([[0.0, 0.0, WIDTH, HEIGHT], [0.0, 0.0, 1.0, 1.0]])
    drawn = uniform_outside_boxes(whole, (HEIGHT, WIDTH), 3, rng)
    assert np.isnan(drawn[0]).all() and not np.isnan(drawn[1]).any()
    assert uniform_outside_boxes(np.zeros((0, 4)), (HEIGHT, WIDTH), 3, rng).shape == (0, 3, 2)
    assert uniform_outside_boxes(whole, (HEIGHT, WIDTH), 0, rng).shape == (2, 0, 2)
