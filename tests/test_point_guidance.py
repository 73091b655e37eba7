"""Point guidance: no point is lost, levels are chosen and passed over by hand-made outputs."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wssis.models.point_guidance import PointProposals, point_cells, point_guided
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
    return point_guided(outputs, torch.tensor(points).view(-1, 2), labels, SIZE, SIZE, filter)  # type: ignore[arg-type]


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
