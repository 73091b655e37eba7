"""Proposals by vote: who votes, with what weight, and what the votes make, against loops and drawn masks."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wssis.models.point_guidance import Guidance, point_guided
from wssis.models.point_records import PointProposals
from wssis.models.point_views import view_of
from wssis.models.point_voting import around, voters
from wssis.models.solov2.network import DenseOutputs

GRIDS = [8, 6, 4, 3, 2]
SIZE = (64, 64)
VOTE = Guidance(selection="vote")


def _random_outputs(seed: int, bias: float = 0.0) -> DenseOutputs:
    generator = torch.Generator().manual_seed(seed)
    return DenseOutputs(
        [torch.randn(1, 2, grid, grid, generator=generator) for grid in GRIDS],
        [torch.randn(1, 4, grid, grid, generator=generator) for grid in GRIDS],
        torch.randn(1, 4, 16, 16, generator=generator) - bias,
    )


POINTS = torch.tensor([[5.0, 10.0], [37.0, 50.0], [61.0, 30.0]])
LABELS = torch.tensor([0, 1, 0])


def test_cells_around_a_cell_end_at_the_rim_of_their_grid() -> None:
    """Two levels, 3 x 3 and 2 x 2 cells: the corner of the first, cell 0, and the last of the second, 9 + 3."""
    cells, inside = around(torch.tensor([[0, 12]]), [3, 2])
    assert inside.view(2, 3, 3).int().tolist() == [
        [[0, 0, 0], [0, 1, 1], [0, 1, 1]],
        [[1, 1, 0], [1, 1, 0], [0, 0, 0]],
    ]
    assert cells[inside].tolist() == [0, 1, 3, 4, 9, 10, 11, 12]


def test_a_vote_weighs_what_the_formula_says() -> None:
    """Every voter of every point, by loops over pixels and points."""
    outputs = _random_outputs(0)
    view = view_of(outputs, POINTS, published=False, mirrored=False)
    found = voters(view, LABELS, 0.5)
    cells, inside = around(view.cells, GRIDS)
    for n in range(len(POINTS)):
        for v in range(cells.shape[1]):
            if not inside[n, v]:
                assert found.weight[n, v] == -math.inf
                continue
            probability = (view.kernels[cells[n, v]] @ view.features.flatten(1)).sigmoid().view(16, 16)
            rows, columns = (probability > 0.5).nonzero().T.tolist()
            values = [probability[row, column].item() for row, column in zip(rows, columns, strict=True)]
            held = [probability[int((y + 0.5) // 4), int((x + 0.5) // 4)].item() for x, y in POINTS.tolist()]
            agreement = max(held[n], 0.05) * math.prod(max(1 - held[i], 0.05) for i in range(3) if i != n)
            x, y = ((p + 0.5) / 4 - 0.5 for p in POINTS[n].tolist())
            apart = (sum(columns) / len(columns) - x) ** 2 + (sum(rows) / len(rows) - y) ** 2
            strength = sum(values) / len(values) * agreement * math.exp(-4 * apart / len(rows))
            category = view.scores[LABELS[n], cells[n, v]].item()
            assert found.weight[n, v].exp().item() == pytest.approx(category * strength**2, rel=1e-4)


def test_the_elected_mask_is_the_weighted_mean_of_the_voters_masks() -> None:
    outputs = _random_outputs(1)
    view = view_of(outputs, POINTS, published=False, mirrored=False)
    found = voters(view, LABELS, 0.5)
    guided = point_guided(outputs, POINTS, LABELS, SIZE, SIZE, VOTE)
    for n in range(len(POINTS)):
        mean = torch.zeros(16, 16)
        for v in range(found.cell.shape[1]):
            probability = (view.kernels[found.cell[n, v]] @ view.features.flatten(1)).sigmoid().view(16, 16)
            mean += found.weight[n, v].exp() / found.weight[n].exp().sum() * probability
        large = torch.nn.functional.interpolate(mean[None, None], scale_factor=4, mode="bilinear")[0, 0]
        assert guided.fate[n] == "kept" and (guided.masks[n] != (large > 0.5)).float().mean() < 1e-3
        assert guided.score[n].item() == pytest.approx(large[large > 0.5].mean().item())
        assert guided.category_score[n] == found.category[n, found.weight[n].argmax()]


def _cells_with_masks(masks: dict[tuple[int, int], torch.Tensor]) -> DenseOutputs:
    """One class and one level that counts, 8 x 8 cells of 8 px; the given (row, column) cells have masks, drawn at
    stride 4 (6 x 9, in the upper left corner), and a high score; all others are empty and score low."""
    features = torch.full((1, len(masks) + 1, 16, 16), -6.0)
    features[:, -1] = 1
    category = [torch.full((1, 1, grid, grid), -6.0) for grid in GRIDS]
    kernels = [torch.zeros(1, len(masks) + 1, grid, grid) for grid in GRIDS]
    for kernel in kernels:
        kernel[:, -1] = -6
    for channel, ((row, column), mask) in enumerate(masks.items()):
        features[0, channel, :6, :9] = torch.where(mask, 6.0, -6.0)
        kernels[0][0, :, row, column] = 0
        kernels[0][0, channel, row, column] = 1
        category[0][0, 0, row, column] = 4
    return DenseOutputs(category, kernels, features)


def _mask(text: str) -> torch.Tensor:
    """A mask drawn in characters: # is inside."""
    return torch.tensor([[character == "#" for character in line] for line in text.split()])


LEFT = _mask("""
    ####.....
    ####.....
    ####.....
    ####.....
    .........
    .........
""")
BOTH = _mask("""
    #########
    #########
    #########
    #########
    .........
    .........
""")
RIGHT = _mask("""
    .....####
    .....####
    .....####
    .....####
    .........
    .........
""")


def _guide(outputs: DenseOutputs, *points: tuple[float, float], guidance: Guidance = VOTE) -> PointProposals:
    labels = torch.zeros(len(points), dtype=torch.int64)
    return point_guided(outputs, torch.tensor(points).view(-1, 2), labels, SIZE, SIZE, guidance)


def _drawn(found: PointProposals, number: int) -> torch.Tensor:
    """A mask of 64 x 64 px at stride 4, its upper left 6 x 9."""
    return found.masks[number].view(16, 4, 16, 4).float().mean((1, 3))[:6, :9] > 0.5


def test_a_click_beside_the_centre_finds_the_mask_of_the_cell_in_the_centre() -> None:
    """The object is 16 px wide, its mask that of cell (0, 0); a click on its right half lies in cell (0, 1), which is
    silent."""
    outputs = _cells_with_masks({(0, 0): LEFT})
    click = (12.0, 6.0)
    assert not _guide(outputs, click, guidance=Guidance()).masks.any()
    found = _guide(outputs, click)
    assert torch.equal(_drawn(found, 0), LEFT) and found.fate == ["kept"]


def test_a_mask_that_holds_both_objects_loses_against_one_that_holds_the_own() -> None:
    outputs = _cells_with_masks({(0, 1): LEFT, (1, 2): BOTH, (0, 3): RIGHT})
    alone = _guide(outputs, (15.0, 8.0))
    assert torch.equal(_drawn(alone, 0), BOTH), "one click in the middle of all speaks for the whole"
    both = _guide(outputs, (7.0, 6.0), (27.0, 6.0))
    assert torch.equal(_drawn(both, 0), LEFT) and torch.equal(_drawn(both, 1), RIGHT)


def test_votes_that_leave_no_pixel_give_way_to_the_voters_one_by_one() -> None:
    """Two halves of equal weight, each with probability .9 of its own: their mean is nowhere above one half."""
    left, right = LEFT.clone(), RIGHT.clone()
    outputs = _cells_with_masks({(0, 1): left, (0, 3): right})
    outputs.mask_features[0, :2] *= math.log(9) / 6
    found = _guide(outputs, (17.5, 7.5))
    assert found.fate == ["fallback"] and found.fallback.tolist() == [True]
    assert torch.equal(_drawn(found, 0), LEFT) or torch.equal(_drawn(found, 0), RIGHT)


def test_a_point_without_any_voter_is_empty_and_keeps_its_record() -> None:
    found = _guide(_cells_with_masks({(0, 0): LEFT}), (60.0, 60.0), (4.0, 4.0))
    assert found.fate == ["empty", "kept"] and found.score[0] == found.maskness[0] == 0
    assert found.index.tolist() == [0, 1]


def test_a_mask_on_a_crowd_of_points_is_better_than_none() -> None:
    """Each of the other 60 points lowers its weight by .05 squared, far beyond what float32 can hold."""
    found = _guide(_cells_with_masks({(0, 0): LEFT}), *[(4.0 + i % 8, 4.0 + i // 8) for i in range(61)])
    assert set(found.fate) == {"kept"} and torch.equal(_drawn(found, 60), LEFT)


def test_no_points() -> None:
    found = _guide(_random_outputs(0))
    assert found.masks.shape == (0, *SIZE) and found.fate == []


def test_a_perfect_mirror_image_changes_nothing() -> None:
    for seed in range(5):
        outputs = _random_outputs(seed)
        category, kernel = ([one.flip(-1) for one in level] for level in (outputs.category, outputs.kernel))
        mirrored = DenseOutputs(category, kernel, outputs.mask_features.flip(-1))
        plain = point_guided(outputs, POINTS, LABELS, SIZE, SIZE, VOTE)
        both = point_guided(outputs, POINTS, LABELS, SIZE, SIZE, VOTE, mirrored)
        assert torch.equal(plain.level, both.level)
        torch.testing.assert_close(plain.score, both.score)
        assert (plain.masks != both.masks).float().mean() < 1e-3


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-0.5, 63.4), st.floats(-0.5, 63.4), st.integers(0, 1)), max_size=12),
    st.integers(0, 5),
    st.floats(0.0, 3.0),
)
def test_a_vote_loses_no_point(points: list[tuple[float, float, int]], seed: int, bias: float) -> None:
    outputs = _random_outputs(seed, bias)
    xy = torch.tensor([point[:2] for point in points]).view(-1, 2)
    labels = torch.tensor([point[2] for point in points], dtype=torch.int64)
    found = point_guided(outputs, xy, labels, SIZE, (50, 70), Guidance(selection="vote", soft=True))
    assert found.index.tolist() == list(range(len(points)))
    assert [word == "empty" for word in found.fate] == (~found.masks.flatten(1).any(1)).tolist()
    assert found.soft is not None and torch.equal(found.soft >= 3, found.masks)
    assert torch.equal(found.score, found.maskness)
    # The order of the points is of no importance.
    turned = point_guided(outputs, xy.flip(0), labels.flip(0), SIZE, (50, 70), VOTE)
    torch.testing.assert_close(turned.score.flip(0), found.score)
    assert (turned.masks.flip(0) != found.masks).sum() <= 1e-3 * found.masks.numel()
