"""Point guidance: no point is lost, levels are chosen and passed over by hand-made outputs."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wssis.models.point_guidance import Guidance, exclusive_masks, point_guided
from wssis.models.point_levels import consistency_of, held_points
from wssis.models.point_records import PointProposals
from wssis.models.point_views import point_cells
from wssis.models.solov2.network import DenseOutputs

GRIDS = [8, 6, 4, 3, 2]
SIZE = (64, 64)


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _outputs(scores: list[float], strengths: list[float]) -> DenseOutputs:
    """One class; level l has category score scores[l] and, as mask, the left half with logit strengths[l]."""
    features = torch.ones(1, 1, 16, 16)
    features[..., 8:] = -1
    return DenseOutputs(
        [torch.full((1, 1, grid, grid), _logit(score)) for grid, score in zip(GRIDS, scores, strict=True)],
        [torch.full((1, 1, grid, grid), strength) for grid, strength in zip(GRIDS, strengths, strict=True)],
        features,
    )


def _guide(outputs: DenseOutputs, *points: tuple[float, float], filter: str = "ours") -> PointProposals:
    labels = torch.zeros(len(points), dtype=torch.int64)
    guidance = Guidance(filter)  # type: ignore[arg-type]
    return point_guided(outputs, torch.tensor(points).view(-1, 2), labels, SIZE, SIZE, guidance)


def test_best_level_is_maskness_times_category_score() -> None:
    found = _guide(_outputs([0.5, 0.9, 0.6, 0.2, 0.1], [2.0, 0.1, 3.0, 5.0, 5.0]), (10.0, 10.0))
    maskness = 1 / (1 + math.exp(-3.0))
    assert found.level.tolist() == [2] and found.fate == ["kept"]
    assert found.score.item() == pytest.approx(0.6 * maskness, abs=1e-5)
    assert found.maskness.item() == pytest.approx(maskness, abs=1e-5)
    assert found.masks[0, :, :31].all() and not found.masks[0, :, 33:].any()


def test_an_empty_level_is_passed_over_and_marked() -> None:
    outputs = _outputs([0.3, 0.9, 0.6, 0.2, 0.1], [2.0, 0.0, 3.0, 5.0, 5.0])
    found = _guide(outputs, (10.0, 10.0))
    assert found.level.tolist() == [2] and found.fallback.tolist() == [True] and found.fate == ["fallback"]
    assert found.masks.any()


def test_a_mask_that_lies_in_the_padding_alone_is_empty() -> None:
    outputs = _outputs([0.9, 0.3, 0.2, 0.2, 0.1], [-3.0, 1.0, 1.0, 1.0, 1.0])
    point, label = torch.tensor([[5.0, 5.0]]), torch.zeros(1, dtype=torch.int64)
    found = point_guided(outputs, point, label, (64, 28), (128, 56))
    assert found.level.tolist() == [1] and found.fate == ["fallback"] and found.masks.shape == (1, 128, 56)


def test_a_point_whose_levels_are_all_empty_keeps_its_record() -> None:
    found = _guide(_outputs([0.3, 0.9, 0.6, 0.2, 0.1], [0.0] * 5), (10.0, 10.0), (50.0, 50.0))
    assert found.fate == ["empty", "empty"] and found.index.tolist() == [0, 1]
    assert not found.masks.any() and found.score.tolist() == [0, 0] and found.level.tolist() == [1, 1]


def test_no_points() -> None:
    outputs = _outputs([0.5] * 5, [1.0] * 5)
    for filter in ("ours", "published"):
        found = _guide(outputs, filter=filter)
        assert found.masks.shape == (0, *SIZE) and found.fate == []


def _mask(text: str) -> torch.Tensor:
    """A mask drawn in characters: # is inside."""
    return torch.tensor([[character == "#" for character in line] for line in text.split()])


LEFT = _mask("""
    ####.....
    ####.....
    ####.....
    .........
    .........
    .........
""")
WIDE = _mask("""
    .........
    .........
    ..######.
    ..######.
    .........
    .........
""")


def test_shared_pixels_go_to_the_likeliest() -> None:
    expected = _mask("""
        ####.....
        ####.....
        ##.......
        .........
        .........
        .........
    """)
    probability = torch.stack([torch.full((6, 9), 0.6), torch.full((6, 9), 0.7)])
    kept = exclusive_masks(torch.stack([LEFT, WIDE]), probability)
    assert torch.equal(kept[0], expected) and torch.equal(kept[1], WIDE)
    equal = exclusive_masks(torch.stack([LEFT, WIDE]), torch.full((2, 6, 9), 0.6))
    assert torch.equal(equal[0], LEFT) and torch.equal(equal[1], WIDE & ~LEFT)


def test_a_mask_that_would_lose_all_pixels_stays() -> None:
    inner = LEFT & (torch.arange(9) < 2)
    probability = torch.stack([torch.full((6, 9), 0.9), torch.full((6, 9), 0.7)])
    kept = exclusive_masks(torch.stack([LEFT, inner]), probability)
    assert torch.equal(kept[0], LEFT) and torch.equal(kept[1], inner)


def test_which_points_a_mask_holds() -> None:
    """Masks at stride 4: pixels 0 to 3 of the input lie in the first cell, and a point's pixel is the nearest."""
    points = torch.tensor([[3.4, 0.0], [15.4, 11.4], [15.6, 0.0], [20.0, 9.0]])
    assert held_points(torch.stack([LEFT, WIDE]), points).tolist() == [
        [True, True, False, False], [False, True, False, True],
    ]  # fmt: skip


def test_consistency_of_masks_that_hold_others_or_miss_their_own() -> None:
    """Three points, the first two of one class; two levels. The first point's masks hold: all three; none."""
    held = torch.zeros(3, 2, 3, dtype=torch.bool)
    held[0, 0] = True
    held[1:, :, 1:] = True
    labels = torch.tensor([4, 4, 7])
    assert consistency_of(held, labels, own_point_inside=False).tolist() == [[0.5, 1.0], [1.0, 1.0], [1.0, 1.0]]
    assert consistency_of(held, labels, own_point_inside=True).tolist() == [[0.5, 0.5], [1.0, 1.0], [1.0, 1.0]]


def test_a_consistent_level_wins_over_one_that_holds_another_point() -> None:
    """Level 1 scores more but its mask is the whole image; level 2 has the left half, in which the first point lies."""
    outputs = _outputs([0.1, 0.6, 0.5, 0.1, 0.1], [0.0] * 5)
    features = torch.ones(1, 2, 16, 16)
    features[:, 1, :, 8:] = -1
    kernels = [torch.zeros(1, 2, grid, grid) for grid in GRIDS]
    kernels[1][:, 0], kernels[2][:, 1] = 3.0, 3.0
    outputs = DenseOutputs(outputs.category, kernels, features)
    points, labels = torch.tensor([[10.0, 10.0], [50.0, 10.0]]), torch.zeros(2, dtype=torch.int64)
    published = point_guided(outputs, points, labels, SIZE, SIZE)
    consistent = point_guided(outputs, points, labels, SIZE, SIZE, Guidance(selection="consistent"))
    assert published.level.tolist() == [1, 1] and consistent.level.tolist() == [2, 1]
    assert consistent.score[1].item() == pytest.approx(published.score[1].item() / 2)
    own = point_guided(outputs, points, labels, SIZE, SIZE, Guidance(selection="consistent", own_point_inside=True))
    assert own.level.tolist() == [2, 1], "half for holding the other is still more than half for missing its own"


def test_exclusive_masks_of_a_class_share_no_pixel() -> None:
    """The left point's mask is the left 11 of 16 columns, the right one's the right 11; they meet in the middle."""
    features = torch.stack([torch.arange(16).expand(16, 16) - 7.5, torch.ones(16, 16)])[None]
    kernels = [torch.zeros(1, 2, grid, grid) for grid in GRIDS]
    kernels[0][:, 1] = 3.0
    kernels[0][:, 0, :, :4], kernels[0][:, 0, :, 4:] = -1.0, 1.0
    scores = zip(GRIDS, [0.9, 0.1, 0.1, 0.1, 0.1], strict=True)
    category = [torch.full((1, 2, grid, grid), _logit(score)) for grid, score in scores]
    outputs = DenseOutputs(category, kernels, features)
    points = torch.tensor([[5.0, 10.0], [60.0, 10.0]])
    for labels, exclusive in ((torch.tensor([1, 1]), True), (torch.tensor([0, 1]), False)):
        kept = point_guided(outputs, points, labels, SIZE, SIZE)
        alone = point_guided(outputs, points, labels, SIZE, SIZE, Guidance(overlap="exclusive"))
        assert (kept.masks[0] & kept.masks[1]).any() and alone.score.tolist() == kept.score.tolist()
        assert (alone.masks[0] & alone.masks[1]).any() != exclusive
        assert torch.equal(alone.masks.any(0), kept.masks.any(0)), "no pixel is lost"
        assert alone.masks[0, :, :31].all() and alone.masks[1, :, 33:].all()


def _mirror_image(outputs: DenseOutputs) -> DenseOutputs:
    """What a network that treats both sides alike would say of the mirrored image."""
    category, kernel = ([one.flip(-1) for one in level] for level in (outputs.category, outputs.kernel))
    return DenseOutputs(category, kernel, outputs.mask_features.flip(-1))


def _random_outputs(seed: int) -> DenseOutputs:
    generator = torch.Generator().manual_seed(seed)
    return DenseOutputs(
        [torch.randn(1, 2, grid, grid, generator=generator) for grid in GRIDS],
        [torch.randn(1, 4, grid, grid, generator=generator) for grid in GRIDS],
        torch.randn(1, 4, 16, 16, generator=generator),
    )


def test_averaging_over_a_perfect_mirror_image_changes_nothing() -> None:
    points, labels = torch.tensor([[5.0, 10.0], [37.0, 50.0], [61.0, 30.0]]), torch.tensor([0, 1, 0])
    for seed in range(5):
        outputs = _random_outputs(seed)
        plain = point_guided(outputs, points, labels, SIZE, SIZE)
        both = point_guided(outputs, points, labels, SIZE, SIZE, mirrored=_mirror_image(outputs))
        assert torch.equal(plain.level, both.level)
        torch.testing.assert_close(plain.score, both.score)
        assert (plain.masks != both.masks).float().mean() < 1e-3


def test_soft_masks_are_cut_at_one_half_to_the_masks_themselves() -> None:
    points, labels = torch.tensor([[5.0, 10.0], [37.0, 50.0], [61.0, 30.0]]), torch.tensor([0, 1, 0])
    found = point_guided(_random_outputs(3), points, labels, SIZE, (50, 70), Guidance(soft=True))
    assert found.soft is not None and found.soft.dtype == torch.uint8 and found.soft.shape == found.masks.shape
    assert torch.equal(found.soft >= 3, found.masks) and set(found.soft.unique().tolist()) == {0, 1, 2, 3, 4, 5}
    assert point_guided(_random_outputs(3), points, labels, SIZE, (50, 70)).soft is None
    nothing = _outputs([0.3, 0.9, 0.6, 0.2, 0.1], [0.0] * 5)
    empty = point_guided(nothing, points, labels * 0, SIZE, SIZE, Guidance(soft=True))
    assert not empty.soft.any(), "of an empty mask nothing is left, however likely it was"


def test_averaging_takes_both_views_into_account() -> None:
    points, labels = torch.tensor([[5.0, 10.0]]), torch.tensor([0])
    one, other = _random_outputs(1), _random_outputs(2)
    both = point_guided(one, points, labels, SIZE, SIZE, mirrored=_mirror_image(other))
    swapped = point_guided(other, points, labels, SIZE, SIZE, mirrored=_mirror_image(one))
    assert torch.equal(both.level, swapped.level) and torch.equal(both.masks, swapped.masks)
    assert not torch.equal(both.masks, point_guided(one, points, labels, SIZE, SIZE).masks)


def test_published_filter_drops_and_says_why() -> None:
    outputs = _outputs([0.5, 0.9, 0.6, 0.2, 0.1], [2.0, 3.0, 3.0, 5.0, 5.0])
    found = _guide(outputs, (10.0, 10.0), (10.0, 10.0), (60.0, 60.0), filter="published")
    # The first point lost its cells to the second; the third has the very same mask as the second.
    assert found.fate == ["cell_taken", "kept", "suppressed"] and found.index.tolist() == [1]
    small = _outputs([0.9, 0.1, 0.1, 0.1, 0.1], [2.0] * 5)
    small.mask_features[...] = -1
    small.mask_features[..., :2, :2] = 1
    assert _guide(small, (10.0, 10.0), filter="published").fate == ["small"]


def test_cells_take_the_pixel_index_as_it_is() -> None:
    cells = point_cells(torch.tensor([[-0.5, -0.5], [8.0, 0.0], [7.99, 63.4]]), GRIDS, SIZE, published=False)
    assert cells[:, 0].tolist() == [0, 1, 7 * 8]
    assert cells[:, 4].tolist() == [100 + 36 - 36 + 25, 125, 127]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-0.5, 63.4), st.floats(-0.5, 63.4), st.integers(0, 2)), max_size=12),
    st.integers(0, 5),
    st.floats(0.0, 3.0),
)
def test_ours_loses_no_point(points: list[tuple[float, float, int]], seed: int, bias: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    outputs = DenseOutputs(
        [torch.randn(1, 3, grid, grid, generator=generator) for grid in GRIDS],
        [torch.randn(1, 4, grid, grid, generator=generator) for grid in GRIDS],
        torch.randn(1, 4, 16, 16, generator=generator) - bias,
    )
    xy = torch.tensor([point[:2] for point in points]).view(-1, 2)
    labels = torch.tensor([point[2] for point in points], dtype=torch.int64)
    found = point_guided(outputs, xy, labels, SIZE, (50, 70))
    assert found.index.tolist() == list(range(len(points)))
    assert len(found.fate) == len(found.masks) == len(points)
    assert [word == "empty" for word in found.fate] == (~found.masks.flatten(1).any(1)).tolist()
    torch.testing.assert_close(found.score, found.maskness * found.category_score)
    # One at a time gives the same as all together.
    for i in range(len(points)):
        alone = point_guided(outputs, xy[i : i + 1], labels[i : i + 1], SIZE, (50, 70))
        assert alone.level[0] == found.level[i] and (alone.masks[0] != found.masks[i]).float().mean() < 1e-3
