"""Corrupted masks, drawn so that they can be checked by eye."""

import numpy as np
import pytest
from drawn_masks import drawn
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

from wssis.geometry import corruption
from wssis.geometry.corruption import (
    KINDS,
    Neighbour,
    corrupted,
    dilated,
    eroded,
    grown,
    holed,
    merged,
    moved,
    shifted,
)

BLOCK = drawn("""
    .........
    .####....
    .####....
    .####....
    .........
    .........
""")
CORNER = drawn("""
    .........
    .........
    .........
    .......##
    .......##
    .......##
""")
NEAR = drawn("""
    .........
    ......#..
    ......#..
    .........
    .........
    .........
""")


def test_moved_out_of_the_image_is_lost() -> None:
    expected = drawn("""
        .........
        .........
        .........
        .........
        ..####...
        ..####...
    """)
    assert (moved(BLOCK, 1, 3) == expected).all()
    assert (moved(CORNER, 1, 0).sum(), moved(CORNER, 2, 0).sum()) == (3, 0)
    assert not moved(BLOCK, 10, 0).any() and not moved(BLOCK, 0, -7).any()
    assert not moved(BLOCK, -20, 0).any() and not moved(BLOCK, 0, 20).any()


def test_dilated_and_eroded_by_a_pixel() -> None:
    grown = drawn("""
        .####....
        ######...
        ######...
        ######...
        .####....
        .........
    """)
    shrunk = drawn("""
        .........
        .........
        ..##.....
        .........
        .........
        .........
    """)
    assert (dilated(BLOCK, 1) == grown).all()
    assert (eroded(BLOCK, 1) == shrunk).all()
    assert not eroded(BLOCK, 3).any()


def test_the_image_edge_is_no_border() -> None:
    expected = drawn("""
        .........
        .........
        .........
        .........
        ........#
        ........#
    """)
    assert (eroded(CORNER, 1) == expected).all()
    assert eroded(np.ones((6, 9), bool), 2).all()


def test_merged_with_the_nearest_neighbour_only() -> None:
    rng = np.random.default_rng(0)
    assert (merged(BLOCK, 3.0, [Neighbour.of(CORNER), Neighbour.of(NEAR)], rng) == (BLOCK | NEAR)).all()
    assert (merged(BLOCK, 3.0, [], rng) == BLOCK).all()


@given(arrays(bool, (6, 9)).filter(np.any), st.lists(arrays(bool, (6, 9)).filter(np.any), min_size=1, max_size=4))
def test_the_nearest_is_found_without_looking_at_the_whole_image(mask: np.ndarray, others: list[np.ndarray]) -> None:
    away = distance_transform_edt(~mask)
    nearest = others[int(np.argmin([away[other].min() for other in others]))]
    made = merged(mask, 3.0, [Neighbour.of(other) for other in others], np.random.default_rng(0))
    assert (made == (mask | nearest)).all()


@pytest.mark.parametrize("seed", range(20))
def test_a_hole_takes_away_a_few_pixels(seed: int) -> None:
    made = holed(BLOCK, 12**0.5, [], np.random.default_rng(seed))
    assert not (made & ~BLOCK).any() and 1 <= BLOCK.sum() - made.sum() <= 5


def test_masks_become_larger_smaller_and_merged() -> None:
    made = [corrupted(BLOCK, [Neighbour.of(NEAR)], np.random.default_rng(seed)) for seed in range(60)]
    assert any((one & NEAR).all(where=NEAR) for one in made), "merged"
    assert any(one.sum() > BLOCK.sum() for one in made) and any(one.sum() < BLOCK.sum() for one in made)
    assert len({one.tobytes() for one in made}) > 30


def test_every_kind_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    used = set()

    def noted(kind):
        return lambda *given: used.add(kind) or kind(*given)

    monkeypatch.setattr(corruption, "KINDS", tuple(noted(kind) for kind in KINDS))
    for seed in range(20):
        corrupted(BLOCK, [Neighbour.of(NEAR)], np.random.default_rng(seed))
    assert used == {merged, shifted, grown, holed}


@given(
    arrays(bool, (6, 9)).filter(np.any),
    st.lists(arrays(bool, (6, 9)).filter(np.any), max_size=2),
    st.integers(0, 10**6),
)
def test_never_empty_and_always_the_same(mask: np.ndarray, others: list[np.ndarray], seed: int) -> None:
    before, near = mask.copy(), [Neighbour.of(other) for other in others]
    made = corrupted(mask, near, np.random.default_rng(seed))
    assert made.any() and made.shape == mask.shape and made.dtype == bool
    assert (mask == before).all(), "the mask itself is left alone"
    assert (corrupted(mask, near, np.random.default_rng(seed)) == made).all()
