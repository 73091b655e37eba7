"""One mapping for pixels, masks and points; and the colours."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wssis.config.training import AugmentationSettings
from wssis.engine.augmentation import change_colours, draw_colours
from wssis.engine.placement import (
    PADDING,
    Placement,
    draw_placement,
    inside,
    mask_boxes,
    place_image,
    place_masks,
    place_points,
    scaled_size,
)

HOOK = """
.........
.##......
.#.......
.#.......
.####....
.........
"""


def _mask(text: str) -> torch.Tensor:
    return torch.tensor([[mark == "#" for mark in line] for line in text.split()], dtype=torch.uint8)


def _text(mask: torch.Tensor) -> str:
    return "\n" + "".join("".join(".#"[int(pixel)] for pixel in row) + "\n" for row in mask)


def _placed(**changes: object) -> str:
    fields = {"window": (0, 0, 9, 6), "size": (6, 9), "offset": (0, 0), "canvas": (6, 9), "flip": False}
    return _text(place_masks(_mask(HOOK)[None], Placement(**(fields | changes)))[0])


def test_nothing_to_do_changes_nothing() -> None:
    assert _placed() == HOOK


def test_flip() -> None:
    assert _placed(flip=True) == """
.........
......##.
.......#.
.......#.
....####.
.........
"""


def test_zoom_in_crops() -> None:
    # Three times as large, bilinear: the inner corner is rounded.
    assert _placed(window=(1, 1, 4, 3)) == """
######...
######...
#####....
####.....
###......
###......
"""


def test_zoom_out_pads() -> None:
    twice = Placement((0, 0, 9, 6), (12, 18), (0, 0), (12, 18), False)
    large = place_masks(_mask(HOOK)[None], twice)
    back = Placement((0, 0, 18, 12), (6, 9), (1, 2), (8, 12), False)
    assert _text(place_masks(large, back)[0]) == """
............
............
...##.......
...#........
...#........
...####.....
............
............
"""


def test_padding_is_mirrored_with_the_image() -> None:
    placement = Placement((0, 0, 9, 6), (6, 9), (1, 2), (8, 12), True)
    assert _text(place_masks(_mask(HOOK)[None], placement)[0]).split()[2] == ".......##..."
    image = place_image(torch.zeros(3, 6, 9, dtype=torch.uint8), placement)
    assert tuple(image[:, 0, 0].tolist()) == PADDING and not image[:, 1:7, 1:10].any()
    assert tuple(image[:, 3, 0].tolist()) == PADDING and tuple(image[:, 3, 10].tolist()) == PADDING


def test_points_by_hand() -> None:
    zoom = Placement((1, 1, 4, 3), (6, 9), (0, 0), (6, 9), False)
    points = torch.tensor([[1.0, 1.0], [3.0, 2.0], [-0.5, -0.5]])
    # The first pixel of the window becomes pixels 0-2, whose middle is 1.
    assert place_points(points, zoom).tolist() == [[1.0, 1.0], [7.0, 4.0], [-3.5, -3.5]]
    assert inside(place_points(points, zoom), (6, 9)).tolist() == [True, True, False]
    assert inside(torch.tensor([[-0.5, 5.4], [8.5, 0.0]]), (6, 9)).tolist() == [True, False]


@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
def test_masks_are_resized_each_on_its_own(count: int) -> None:
    masks = torch.from_numpy(np.random.default_rng(count).random((count, 12, 18)) < 0.5).to(torch.uint8)
    placement = Placement((2, 1, 17, 11), (21, 30), (0, 0), (21, 30), True)
    alone = torch.cat([place_masks(mask[None], placement) for mask in masks])
    assert torch.equal(place_masks(masks, placement), alone)


def test_boxes_and_an_empty_mask() -> None:
    masks = torch.stack([_mask(HOOK), torch.zeros(6, 9, dtype=torch.uint8)])
    assert mask_boxes(masks).tolist() == [[1, 1, 5, 5], [0, 0, 0, 0]]
    assert mask_boxes(masks[:0]).shape == (0, 4)
    assert place_masks(masks[:0], Placement((0, 0, 9, 6), (3, 4), (0, 0), (3, 4), True)).shape == (0, 3, 4)


@pytest.mark.parametrize(
    ("size", "sides", "expected"),
    [((480, 640), (800, 1333), (800, 1067)), ((300, 900), (800, 1333), (444, 1333)), ((6, 9), (12, 12), (8, 12))],
)
def test_short_and_long_side(size: tuple[int, int], sides: tuple[int, int], expected: tuple[int, int]) -> None:
    assert scaled_size(*size, *sides) == expected


@settings(deadline=None)
@given(
    st.integers(0, 2**32), st.integers(8, 40), st.integers(8, 40), st.floats(0, 1), st.floats(0, 1),
    st.sampled_from([(1.0, 1.0), (0.5, 1.0), (1.0, 3.0), (0.6, 1.8)]),
)  # fmt: skip
def test_a_point_stays_on_its_object(
    seed: int, height: int, width: int, across: float, down: float, zoom: tuple[float, float]
) -> None:
    """The object is a square of 5 x 5 px around the point; it still holds the point wherever the point is visible."""
    x, y = 2 + round(across * (width - 5)), 2 + round(down * (height - 5))
    mask = torch.zeros(1, height, width, dtype=torch.uint8)
    mask[0, y - 2 : y + 3, x - 2 : x + 3] = 1
    augmentation = AugmentationSettings(short_sides=(32, 48), long_side=96, zoom=zoom)
    placement = draw_placement(height, width, augmentation, np.random.default_rng(seed))
    placed, point = place_masks(mask, placement)[0], place_points(torch.tensor([[x, y]]).float(), placement)
    assert placed.shape == placement.canvas
    if inside(point, placement.canvas):
        column, row = (point[0] + 0.5).floor().long().tolist()
        assert placed[min(row, placed.shape[0] - 1), min(column, placed.shape[1] - 1)] == 1
    elif bool(placed.any()):
        left, top, right, bottom = mask_boxes(placed[None])[0].tolist()
        assert left == 0 or top == 0 or right == placed.shape[1] or bottom == placed.shape[0]


def test_draws_follow_the_seed() -> None:
    augmentation = AugmentationSettings(short_sides=(32, 40, 48), zoom=(0.5, 2.0))
    draws = [draw_placement(30, 40, augmentation, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def _colours(**changes: float) -> torch.Tensor:
    """A reddish, a bluish and a grey pixel after a change drawn with seed 0."""
    image = torch.tensor([[[130, 80, 90]], [[90, 90, 90]], [[80, 120, 90]]], dtype=torch.uint8)
    colours = draw_colours(AugmentationSettings(**changes), np.random.default_rng(0))
    return image if colours is None else change_colours(image, *colours)


def test_no_colour_settings_no_change() -> None:
    assert draw_colours(AugmentationSettings(), np.random.default_rng(0)) is None


def test_grey_is_luma() -> None:
    grey = _colours(greyscale=1.0)
    assert grey[:, 0].tolist() == [[101, 90, 90]] * 3  # .299 x 130 + .587 x 90 + .114 x 80 = 100.8


def test_hue_keeps_brightness_and_grey_pixels() -> None:
    luma = torch.tensor([0.299, 0.587, 0.114])
    before, after = _colours(), _colours(hue=0.08)
    assert not torch.equal(before[:, 0, :2], after[:, 0, :2])
    assert after[:, 0, 2].tolist() == [90, 90, 90]
    assert torch.allclose(luma @ before[:, 0].float(), luma @ after[:, 0].float(), atol=1.0)


def test_contrast_is_around_the_mean_grey() -> None:
    image = torch.tensor([[[50, 150]]] * 3, dtype=torch.uint8)
    assert change_colours(image, np.eye(3), 0.5)[0, 0].tolist() == [75, 125]
    assert change_colours(image, 2 * np.eye(3), 1.0)[0, 0].tolist() == [100, 255]
