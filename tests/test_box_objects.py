"""Boxes and labelled points go where the image goes; a point's label stays right."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as transforms

from wssis.config.training import AugmentationSettings
from wssis.engine.box_objects import (
    BoxObjects,
    LabelledObjects,
    draw_points,
    labelled_objects,
    place_boxes,
    place_continuous,
    placed_objects,
)
from wssis.engine.placement import Placement, draw_placement
from wssis.errors import InputError
from wssis.formats.coco import encode_mask
from wssis.geometry.box_points import labels_at

HAND = np.array([[c == "#" for c in row] for row in (
    ".........",
    "..####...",
    "..#..##..",
    "..####...",
    ".........",
    "........#",
)])  # fmt: skip
HEIGHT, WIDTH = HAND.shape
CLASSES = {3: 0, 7: 1}
AS_IT_IS = Placement((0, 0, WIDTH, HEIGHT), (HEIGHT, WIDTH), (0, 0), (HEIGHT, WIDTH), flip=False)
MIRRORED = Placement((0, 0, WIDTH, HEIGHT), (HEIGHT, WIDTH), (0, 0), (HEIGHT, WIDTH), flip=True)
RIGHT_THIRD = Placement((6, 0, 9, 6), (12, 6), (0, 0), (12, 6), flip=False)


def with_points(box: list[float], coords: list[list[float]], labels: list[int], category: int = 7) -> dict[str, Any]:
    """An annotation of box_points.json."""
    return {"id": 1, "category_id": category, "bbox": box, "point_coords": coords, "point_labels": labels}


def objects_of(*annotations: dict[str, Any], height: int = HEIGHT, width: int = WIDTH) -> LabelledObjects:
    return labelled_objects(annotations, CLASSES, height, width)


def placed(objects: LabelledObjects, placement: Placement) -> BoxObjects:
    """With all their points."""
    return placed_objects(objects, objects.points, objects.labels, placement)


def test_a_hand_made_object_with_points() -> None:
    one = with_points([2, 1, 5, 3], [[2.5, 1.5], [3.5, 2.5], [6.5, 2.5]], [1, 0, 1])
    same = placed(objects_of(one), AS_IT_IS)
    assert same.boxes.tolist() == [[2, 1, 7, 4]] and same.classes.tolist() == [1]
    assert same.points.tolist() == [one["point_coords"]] and same.labels.tolist() == [[1, 0, 1]]
    assert same.counts.tolist() == [3] and same.mask_of.tolist() == [-1] and len(same.masks) == 0
    mirrored = placed(objects_of(one), MIRRORED)
    assert mirrored.boxes.tolist() == [[2, 1, 7, 4]]
    assert mirrored.points.tolist() == [[[6.5, 1.5], [5.5, 2.5], [2.5, 2.5]]]
    part = placed(objects_of(one), RIGHT_THIRD)
    assert part.boxes.tolist() == [[0, 2, 2, 8]], "clipped, twice as large"
    assert part.labels.tolist() == [[-1, -1, 1]] and part.points[0, 2].tolist() == [1, 5]
    assert part.counts.tolist() == [3], "points that left the image still count, as published"


def test_masks_lead_their_boxes_but_not_those_of_pseudo_labels() -> None:
    mask = {"id": 1, "category_id": 3, "segmentation": encode_mask(HAND), "bbox": [1, 0, 8, 6]}
    both = placed(objects_of(mask, {**mask, "source": "pseudo"}), AS_IT_IS)
    assert both.boxes.tolist() == [[2, 1, 9, 6], [1, 0, 9, 6]] and both.mask_of.tolist() == [0, 1]
    assert np.array_equal(both.masks[0].numpy(), HAND)
    left = Placement((0, 0, 4, 6), (6, 4), (0, 0), (6, 4), flip=False)
    assert placed(objects_of(mask), left).boxes.tolist() == [[2, 1, 4, 4]], "the part that is seen"


@pytest.mark.parametrize("placement", [AS_IT_IS, MIRRORED])
def test_points_on_the_edge_of_the_image_stay(placement: Placement) -> None:
    """Clicks rounded to whole numbers lie there; a mirror must not make them others."""
    corners = [[0.0, 0.0], [float(WIDTH), 0.0], [0.0, float(HEIGHT)], [float(WIDTH), float(HEIGHT)]]
    assert placed(objects_of(with_points([0, 0, WIDTH, HEIGHT], corners, [1, 0, 0, 1])), placement).labels.tolist() == [
        [1, 0, 0, 1]
    ]


def test_what_is_not_seen_is_dropped() -> None:
    hidden = with_points([0, 0, 5, 5], [[1, 1]], [1])
    sliver = with_points([0, 0, 6.2, 6], [[6.1, 1]], [1])
    pixel = with_points([8, 5, 1, 1], [[8.5, 5.5]], [1], category=3)
    kept = placed(objects_of(hidden, sliver, pixel), RIGHT_THIRD)
    assert kept.boxes.tolist() == [[4, 10, 6, 12]] and kept.classes.tolist() == [0]
    assert placed(objects_of(pixel), AS_IT_IS).boxes.tolist() == [[8, 5, 9, 6]], "a box of one pixel stays"
    mask = {"id": 1, "category_id": 3, "segmentation": encode_mask(HAND & (np.arange(WIDTH) < 4))}
    assert len(placed(objects_of(mask), RIGHT_THIRD).boxes) == 0


def test_a_pseudo_label_whose_mask_left_the_image_keeps_its_box_alone() -> None:
    mask = HAND & (np.arange(WIDTH) < 4)
    label = {"id": 1, "category_id": 3, "segmentation": encode_mask(mask), "bbox": [2, 1, 6, 3], "source": "pseudo"}
    assert placed(objects_of(label), RIGHT_THIRD).mask_of.tolist() == [-1]


def test_images_without_objects_and_boxes_without_points() -> None:
    nothing = placed(objects_of(), AS_IT_IS)
    assert nothing.boxes.shape == (0, 4) and nothing.points.shape == (0, 0, 2) and nothing.crowd is None
    crowd = {"id": 1, "category_id": 3, "iscrowd": 1, "segmentation": encode_mask(HAND)}
    alone = placed(objects_of(crowd, with_points([1, 1, 3, 3], [], [])), MIRRORED)
    assert alone.crowd is not None and np.array_equal(alone.crowd.numpy(), HAND[:, ::-1])
    assert alone.boxes.tolist() == [[5, 1, 8, 4]] and alone.counts.tolist() == [0] and len(alone.masks) == 0
    with pytest.raises(InputError, match="annotation 1: has neither segmentation nor bbox"):
        objects_of({"id": 1, "category_id": 3, "segmentation": None, "point": [1, 1]})


def test_half_of_the_points_are_drawn_anew_each_time() -> None:
    coords = [[0.5 * place, 1.0] for place in range(10)]
    objects = objects_of(
        with_points([0, 0, 9, 6], coords, [0, 1] * 5), with_points([0, 0, 9, 6], coords[:1], [1]),
        with_points([0, 0, 9, 6], [], []),
    )  # fmt: skip
    seen: set[float] = set()
    for seed in range(30):
        points, labels = draw_points(objects, 0.5, np.random.default_rng(seed))
        assert (labels != -1).sum(1).tolist() == [5, 1, 0], "at least one where there is one"
        own = [x for x, _ in points[0].tolist()]
        assert len(set(own)) == 5 and all(int(2 * x) % 2 == label for x, label in zip(own, labels[0], strict=True))
        seen |= set(own)
    assert len(seen) == 10
    assert (draw_points(objects, 1.0, np.random.default_rng(0))[1] != -1).sum(1).tolist() == [10, 1, 0]


BLOCK = 8


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_label_stays_right_under_every_augmentation(seed: int) -> None:
    """The labels by the placed mask are those by the mask, for points farther from its edges than resizing blurs."""
    rng = np.random.default_rng(seed)
    blocks = rng.random((4, 6)) < 0.5
    blocks[1, 2] = True
    mask = np.kron(blocks, np.ones((BLOCK, BLOCK), bool))
    middles = (rng.integers(0, (6, 4), (12, 2)) + 0.5) * BLOCK + rng.uniform(-1, 1, (12, 2))
    annotation = {
        "id": 1, "category_id": 3, "segmentation": encode_mask(mask), "bbox": [0, 0, 48, 32], "source": "pseudo",
        "point_coords": middles.tolist(), "point_labels": labels_at(mask, middles).tolist(),
    }  # fmt: skip
    augmentation = AugmentationSettings(short_sides=(32, 45), long_side=64, zoom=(0.6, 1.7))
    result = placed(objects_of(annotation, height=32, width=48), draw_placement(32, 48, augmentation, rng))
    for row in range(len(result.boxes)):
        seen = result.labels[row] != -1
        points, labels = result.points[row][seen].numpy(), result.labels[row][seen].numpy()
        assert result.mask_of[row] == 0 or not labels.any(), "where the mask is gone, only background is left"
        if result.mask_of[row] == 0:
            assert labels_at(result.masks[0].numpy().astype(bool), points).tolist() == labels.tolist()
        box = result.boxes[row].numpy()
        assert ((points >= box[:2] - 1e-3) & (points <= box[2:] + 1e-3)).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_points_and_boxes_move_as_torchvisions_do(seed: int, flip: bool) -> None:
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(8, 40, 2))
    x0, y0 = (int(rng.integers(0, side - 4)) for side in (width, height))
    x1, y1 = int(rng.integers(x0 + 2, width + 1)), int(rng.integers(y0 + 2, height + 1))
    size = (int(rng.integers(4, 60)), int(rng.integers(4, 60)))
    placement = Placement((x0, y0, x1, y1), size, (0, 0), size, flip)
    points = torch.from_numpy(rng.uniform(0, (width, height), (5, 2))).float()
    corners = torch.from_numpy(np.sort(rng.uniform(0, [[width, height]], (4, 2, 2)), axis=1).reshape(4, 4)).float()

    def theirs(given: Any) -> torch.Tensor:
        made = transforms.resized_crop(given, y0, x0, y1 - y0, x1 - x0, list(size))
        return transforms.horizontal_flip(made) if flip else made

    boxes = theirs(tv_tensors.BoundingBoxes(corners, format="XYXY", canvas_size=(height, width)))
    torch.testing.assert_close(place_boxes(corners, placement), boxes.as_subclass(torch.Tensor), atol=1e-3, rtol=1e-4)
    ours = place_continuous(points, placement)
    expected = theirs(tv_tensors.KeyPoints(points, canvas_size=(height, width))).as_subclass(torch.Tensor)
    if flip:
        expected = expected + torch.tensor([1.0, 0.0])  # torchvision mirrors key points as pixel indices.
    # torchvision moves points that left the crop to its edge; here they stay outside and are ignored.
    seen = ((points > torch.tensor([x0, y0])) & (points < torch.tensor([x1 - 1, y1 - 1]))).all(1)
    torch.testing.assert_close(ours[seen], expected[seen], atol=1e-3, rtol=1e-4)
