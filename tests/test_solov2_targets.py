"""Targets of SOLOv2: against a plain loop, and by hand for unmasked objects, crowd regions and covered cells."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wssis.config.network import SOLOv2Settings
from wssis.models.solov2.instances import Instances, from_masks
from wssis.models.solov2.targets import build_targets, quarter_masks

RANGES = ((1, 12), (8, 24), (16, 48), (32, 64), (48, 2048))
SETTINGS = SOLOv2Settings(grids=(8, 6, 5, 4, 2), scale_ranges=RANGES)
STARTS = np.cumsum([0, *(grid * grid for grid in SETTINGS.grids)])
CLASSES = 3


def _cell(coordinate: float, size: int, grid: int) -> int:
    """In float32, as the published code counts."""
    share = torch.tensor(coordinate, dtype=torch.float32) / size
    return int(share // (1.0 / grid))


def _loop_cells(mask: NDArray, box: list[float], padded: tuple[int, int], grid: int) -> list[int]:
    """Positive cells of one object on one level, after the published loop."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return []
    spans = []
    for places, low, high, size in ((rows, box[1], box[3], padded[0]), (columns, box[0], box[2], padded[1])):
        centre = float(np.float32(places.sum()) / np.float32(len(places)))
        half = float(np.float32(0.5 * (high - low)) * np.float32(SETTINGS.sigma))
        middle = _cell(centre, size, grid)
        low_end = float(np.float32(centre) - np.float32(half))
        high_end = float(np.float32(centre) + np.float32(half))
        first = max(max(0, _cell(low_end, size, grid)), middle - 1)
        last = min(min(grid - 1, _cell(high_end, size, grid)), middle + 1)
        spans.append(range(first, last + 1))
    return [row * grid + column for row in spans[0] for column in spans[1]]


boxes = st.tuples(st.integers(0, 60), st.integers(0, 44), st.integers(1, 60), st.integers(1, 60))


@st.composite
def images(draw: st.DrawFn) -> tuple[NDArray, list[int]]:
    """Rectangles with a bite out of them, in an image of 50 x 61 px."""
    masks, labels = [], []
    for left, top, width, height in draw(st.lists(boxes, max_size=5)):
        mask = np.zeros((50, 61), np.uint8)
        mask[top : top + height, left : left + width] = 1
        mask[top + height // 2 : top + height, left + width // 2 : left + width] &= draw(st.integers(0, 1))
        masks.append(mask)
        labels.append(draw(st.integers(0, CLASSES - 1)))
    return np.array(masks, np.uint8).reshape(-1, 50, 61), labels


@settings(max_examples=60, deadline=None)
@given(st.lists(images(), min_size=1, max_size=3))
def test_targets_equal_a_plain_loop(batch: list[tuple[NDArray, list[int]]]) -> None:
    padded = (64, 96)
    instances = [from_masks(torch.from_numpy(m), torch.tensor(labels, dtype=torch.int64)) for m, labels in batch]
    found = build_targets(instances, SETTINGS, CLASSES, padded)
    pairs, category, offset = [], np.full((len(batch), STARTS[-1]), CLASSES), 0
    for image, one in enumerate(instances):
        for index in range(len(one)):
            box = one.boxes[index].tolist()
            size = torch.sqrt((one.boxes[index, 2] - one.boxes[index, 0]) * (one.boxes[index, 3] - one.boxes[index, 1]))
            for level, (grid, (low, high)) in enumerate(zip(SETTINGS.grids, RANGES, strict=True)):
                if low <= float(size) <= high:
                    for cell in _loop_cells(one.masks[index].numpy(), box, padded, grid):
                        pairs.append((image, int(STARTS[level]) + cell, offset + index))
                        category[image, STARTS[level] + cell] = one.labels[index]
        offset += len(one)
    ours = zip(found.image.tolist(), found.cell.tolist(), found.instance.tolist(), strict=True)
    assert list(ours) == pairs
    assert np.array_equal(found.category, category)
    assert not found.ignored.any() and found.valid is None


def test_mask_targets_need_two_of_the_four_central_pixels() -> None:
    masks = torch.zeros(3, 8, 8, dtype=torch.uint8)
    masks[0, 1, 1] = 1
    masks[1, 1, 1:3] = 1
    masks[2, 4:, 4:] = 1
    assert quarter_masks(masks).tolist() == [[[0, 0], [0, 0]], [[1, 0], [0, 0]], [[0, 0], [0, 1]]]


def _square(left: int, top: int, side: int, size: int = 64) -> torch.Tensor:
    mask = torch.zeros(1, size, size, dtype=torch.uint8)
    mask[0, top : top + side, left : left + side] = 1
    return mask


def _unmasked(instances: Instances, index: int, point: tuple[float, float]) -> Instances:
    has_mask, points, masks = instances.has_mask.clone(), instances.points.clone(), instances.masks.clone()
    has_mask[index], points[index], masks[index] = False, torch.tensor(point), 0
    return replace(instances, has_mask=has_mask, points=points, masks=masks)


def test_unmasked_object_silences_its_cell_and_the_8_around_it_on_every_level() -> None:
    instances = _unmasked(from_masks(_square(0, 0, 10), torch.tensor([1])), 0, (63.0, 33.0))
    found = build_targets([instances], SETTINGS, CLASSES, (64, 64))
    for level, grid in enumerate(SETTINGS.grids):
        silent = found.ignored[0, STARTS[level] : STARTS[level + 1]].view(grid, grid)
        row, column = 33 * grid // 64, 63 * grid // 64
        expected = torch.zeros(grid, grid, dtype=torch.bool)
        expected[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = True
        assert torch.equal(silent, expected)
    assert not len(found.cell) and (found.category == CLASSES).all()


def test_unmasked_object_leaves_objects_farther_away_alone() -> None:
    masks = torch.cat([_square(2, 2, 10), _square(50, 50, 10)])
    both = from_masks(masks, torch.tensor([0, 2]))
    alone = build_targets([both], SETTINGS, CLASSES, (64, 64))
    found = build_targets([_unmasked(both, 1, (54.0, 54.0))], SETTINGS, CLASSES, (64, 64))
    assert set(found.instance.tolist()) == {0}
    assert found.cell.tolist() == alone.cell[alone.instance == 0].tolist()


def test_cells_in_a_crowd_are_silent_unless_an_object_is_there() -> None:
    crowd = torch.zeros(64, 64, dtype=torch.bool)
    crowd[:, :32] = True
    instances = from_masks(_square(4, 4, 10), torch.tensor([1]), crowd)
    plain = from_masks(_square(4, 4, 10), torch.tensor([1]))
    found, bare = (build_targets([one, plain], SETTINGS, CLASSES, (64, 64)) for one in (instances, plain))
    assert torch.equal(found.category, bare.category) and not found.ignored[1].any()
    first = found.ignored[0, :64].view(8, 8)
    positive = (bare.category[0, :64] < CLASSES).view(8, 8)
    assert torch.equal(first[:, :4], ~positive[:, :4]) and not first[:, 4:].any()
    assert found.valid is not None and found.valid[0, :, :8].max() == 0 and found.valid[0, :, 8:].min() == 1
    assert found.valid[1].min() == 1


def test_covered_cells() -> None:
    # An L of 32 px: on the first level (cells of 8 px) 7 cells are covered; its centre of mass lies in one of them.
    mask = _square(16, 16, 32)
    mask[0, 24:, 24:] = 0
    wide = SETTINGS.model_copy(update={"scale_ranges": ((1, 2048), *RANGES[1:]), "positives": "mask"})
    found = build_targets([from_masks(mask, torch.tensor([2]))], wide, CLASSES, (64, 64))
    first = sorted(cell for cell in found.cell.tolist() if cell < 64)
    assert first == sorted([2 * 8 + c for c in (2, 3, 4, 5)] + [r * 8 + 2 for r in (3, 4, 5)])
    assert (found.category[0, first] == 2).all()


def test_at_most_16_covered_cells_and_centre_cells_where_none_is_covered() -> None:
    wide = SETTINGS.model_copy(update={"scale_ranges": ((1, 2048),) * 5, "positives": "mask"})
    instances = from_masks(torch.cat([_square(0, 0, 64), _square(10, 10, 2)]), torch.tensor([0, 1]))
    found = build_targets([instances], wide, CLASSES, (64, 64))
    for level in range(5):
        chosen = (found.cell >= int(STARTS[level])) & (found.cell < int(STARTS[level + 1]))
        big, small = ((found.instance[chosen] == i).sum().item() for i in (0, 1))
        assert big == min(16, SETTINGS.grids[level] ** 2) and small >= 1


@pytest.mark.parametrize("padded", [(64, 64), (96, 128)])
def test_no_objects_at_all(padded: tuple[int, int]) -> None:
    empty = from_masks(torch.zeros(0, 64, 64, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
    found = build_targets([empty, empty], SETTINGS, CLASSES, padded)
    assert found.category.shape == (2, STARTS[-1]) and (found.category == CLASSES).all()
    assert found.masks.shape == (0, padded[0] // 4, padded[1] // 4) and not len(found.cell)
