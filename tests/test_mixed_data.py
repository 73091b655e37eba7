"""Samples of images with masks and of others with boxes and points: what stays, moves, and is drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from box_fixtures import box_points_set
from segmentor_fixtures import COMMON, HEIGHT, NETWORK, WIDTH, training_set, write_study

from wssis.config.point_supervision import PointSupervision
from wssis.config.training import AugmentationSettings
from wssis.engine.box_objects import BoxObjects
from wssis.engine.mixed_data import MOST_OUTSIDE, MixedSamples, PointedSample, collate_mixed, with_outside
from wssis.engine.segmentor_data import SegmentorSample, SegmentorSamples
from wssis.models.maskrcnn.targets import IGNORED

PLAIN = AugmentationSettings(short_sides=(HEIGHT,), long_side=WIDTH, flip=0.0)
SIZE = (HEIGHT, WIDTH)


def first_two() -> dict[str, Any]:
    """Images 1 and 2 of the training set: those that box_points_set does not have."""
    coco = training_set()
    return coco | {"images": coco["images"][:2], "annotations": coco["annotations"][:4]}


@pytest.fixture
def study(tmp_path: Path) -> dict[str, Path]:
    return write_study(tmp_path)


def samples(
    study: dict[str, Path], settings: AugmentationSettings = PLAIN, boxes: dict[str, Any] | None = None,
    **supervision: Any,
) -> MixedSamples:  # fmt: skip
    common = study["images_table"], study["image_dir"], settings
    boxes = box_points_set() if boxes is None else boxes
    return MixedSamples(first_two(), boxes, *common, PointSupervision(**supervision))


def objects(boxes: list[list[float]], labels: list[list[float]]) -> BoxObjects:
    """Objects whose points all lie at their box's corner."""
    packed = torch.tensor(boxes).view(-1, 4)
    points = packed[:, None, :2].expand(-1, len(labels[0]) if labels else 0, -1)
    given = torch.tensor(labels).view(*points.shape[:2])
    none = torch.zeros((0, *SIZE), dtype=torch.uint8), torch.full((len(boxes),), -1)
    return BoxObjects(packed, torch.zeros(len(boxes)).long(), *none, points, given, torch.ones(len(boxes)), None)


def test_masks_come_first_and_as_ever(study: dict[str, Path]) -> None:
    settings = COMMON["augmentation"]
    mixed = samples(study, settings)
    plain = SegmentorSamples(first_two(), study["images_table"], study["image_dir"], settings)
    assert len(mixed) == 4
    for index, seed in [(0, 3), (1, 8)]:
        one, other = mixed[index, seed], plain[index, seed]
        assert isinstance(one, SegmentorSample) and one.image_id == index + 1
        assert torch.equal(one.image, other.image) and torch.equal(one.instances.masks, other.instances.masks)
    assert [type(mixed[index, 0]) for index in (2, 3)] == [PointedSample] * 2


def test_without_augmentation_labels_come_as_they_are(study: dict[str, Path]) -> None:
    sample = samples(study, point_share=1.0, outside_points=0)[2, 0]
    given = box_points_set()["annotations"]
    assert sample.image_id == 3 and sample.objects.labels.tolist() == [1, 0]
    assert sample.objects.boxes.tolist() == [[4, 4, 24, 20], [30, 20, 60.5, 44]]
    for own, points, labels in zip(given, sample.objects.points, sample.objects.point_labels, strict=False):
        there = labels != IGNORED
        order = np.lexsort(points[there].numpy().T)
        wanted = np.array(own["point_coords"])
        kept = np.lexsort(wanted.T)
        np.testing.assert_allclose(points[there].numpy()[order], wanted[kept], atol=1e-4)
        assert labels[there].numpy()[order].tolist() == np.array(own["point_labels"])[kept].tolist()


def test_outside_points_are_background_and_stand_for_the_rest_of_the_image() -> None:
    """Weights are areas over that of the box, shared by the points: the boxes have 320, 720 and 3072 of 3072 pixels."""
    given = objects([[4, 4, 24, 20], [30, 20, 60, 44], [0, 0, 64, 48]], [[1, 0, 1], [1, IGNORED, IGNORED], [1, 1, 0]])
    found = with_outside(given, SIZE, 2, np.random.default_rng(0))
    assert found.points.shape == (3, 5, 2)
    weights = [[1 / 3] * 3 + [8.6 / 2] * 2, [1, 0, 0] + [(3072 / 720 - 1) / 2] * 2, [1 / 3] * 3 + [0, 0]]
    np.testing.assert_allclose(found.point_weights, weights, rtol=1e-6)
    assert torch.equal(found.points[:, :3], given.points) and torch.equal(found.point_labels[:, :3], given.labels)
    drawn, labels = found.points[:, 3:], found.point_labels[:, 3:]
    assert labels.tolist() == [[0, 0], [0, 0], [IGNORED] * 2], "the third box leaves nothing"
    beyond = ((drawn < found.boxes[:, None, :2]) | (drawn > found.boxes[:, None, 2:])).any(-1)
    assert beyond[labels == 0].all() and torch.isfinite(drawn).all()


def test_an_object_without_a_point_on_the_sample_gets_none_outside() -> None:
    given = objects([[4, 4, 24, 20], [30, 20, 60, 44]], [[IGNORED], [0]])
    tiny = with_outside(objects([[4, 4, 8, 8]], [[1, 0]]), SIZE, 4, np.random.default_rng(0))
    np.testing.assert_allclose(tiny.point_weights, [[1 / 2] * 2 + [MOST_OUTSIDE / 4] * 4])
    found = with_outside(given, SIZE, 4, np.random.default_rng(0))
    assert found.point_labels.tolist() == [[IGNORED] * 5, [0] * 5]
    np.testing.assert_allclose(found.point_weights, [[0] * 5, [1] + [(3072 / 720 - 1) / 4] * 4], rtol=1e-6)
    none = with_outside(given, SIZE, 0, np.random.default_rng(0))
    assert torch.equal(none.points, given.points) and torch.equal(none.point_labels, given.labels)
    assert none.point_weights.tolist() == [[0], [1]]
    empty = with_outside(objects([], []), SIZE, 4, np.random.default_rng(0))
    assert empty.points.shape == (0, 4, 2)


def test_outside_points_change_nothing_else_and_follow_from_the_seed(study: dict[str, Path]) -> None:
    settings = COMMON["augmentation"]
    some, none = samples(study, settings), samples(study, settings, outside_points=0)
    for seed in range(5):
        one, again, bare = some[2, seed], samples(study, settings)[2, seed], none[2, seed]
        assert torch.equal(one.image, bare.image) and torch.equal(one.objects.boxes, bare.objects.boxes)
        own = bare.objects.points.shape[1]
        assert torch.equal(one.objects.points[:, :own], bare.objects.points)
        assert torch.equal(one.objects.points, again.objects.points)
    assert not torch.equal(some[2, 0].objects.points, some[2, 1].objects.points)


def test_points_and_boxes_move_with_the_image(study: dict[str, Path]) -> None:
    """The first object is painted white on black: its points on it stay on white, those outside of its box on black."""
    settings = COMMON["augmentation"].model_copy(update={"jitter": 0.0, "hue": 0.0})
    boxes = box_points_set()
    own = {"bbox": [4, 4, 20, 8], "point_coords": [[8.0, 7.0], [12.5, 8.2], [20.0, 9.0]], "point_labels": [1, 1, 1]}
    boxes["annotations"] = [boxes["annotations"][0] | own]
    mixed = samples(study, settings, boxes=boxes, point_share=1.0, outside_points=40)
    decoded = mixed._boxes._decode(0)
    decoded.image.zero_()
    decoded.image[:, 4:12, 4:24] = 255
    mixed._boxes._cache.get(0, lambda _: decoded)
    seen = torch.zeros(2, dtype=torch.int64)
    for seed in range(30):
        sample = mixed[2, seed]
        image = sample.image.clone()
        image[:, (image == torch.tensor([124, 116, 104], dtype=torch.uint8)[:, None, None]).all(0)] = 0
        for points, labels in zip(sample.objects.points, sample.objects.point_labels, strict=True):
            left, top, right, bottom = sample.objects.boxes[0]
            away = torch.stack([left - points[:, 0], points[:, 0] - right, top - points[:, 1], points[:, 1] - bottom])
            # A pixel that the painted edge runs through is neither white nor black.
            clear = (labels == 1) | ((labels == 0) & (away.amax(0) > 1))
            # A point may lie on the very edge of the image.
            columns, rows = points[clear].floor().minimum(torch.tensor(image.shape[:0:-1]) - 1).long().T
            assert torch.equal(image[0, rows, columns] > 127, labels[clear] == 1)
            seen += torch.bincount(labels[clear].long(), minlength=2)
    assert seen[1] > 30 and seen[0] > 500


def test_an_object_whose_points_are_cut_off_keeps_its_box(study: dict[str, Path]) -> None:
    boxes = box_points_set()
    corner = {"bbox": [0, 0, 64, 48], "point_coords": [[1.0, 1.0]], "point_labels": [1]}
    boxes["annotations"] = [boxes["annotations"][0] | corner]
    mixed = samples(study, PLAIN.model_copy(update={"zoom": (2.0, 2.0)}), boxes=boxes, outside_points=3)
    cut = [one.objects for one in (mixed[2, seed] for seed in range(20)) if one.objects.point_labels[0, 0] == IGNORED]
    assert len(cut) > 5
    for one in cut:
        assert one.boxes.tolist() == [[0, 0, WIDTH, HEIGHT]] and (one.point_labels == IGNORED).all()
    targets = collate_mixed([PointedSample(torch.zeros(3, *SIZE).byte(), cut[0], 3)], NETWORK, 2).targets
    assert targets.points.positives > 0, "its category still learns"


def test_a_batch_has_masks_first(study: dict[str, Path]) -> None:
    mixed = samples(study)
    batch = collate_mixed([mixed[index, 0] for index in (3, 0, 2, 1)], NETWORK, 2)
    assert batch.image_ids == [1, 2, 4, 3]
    assert len(batch.targets.masks.category) == len(batch.targets.points.category) == 2
    assert torch.equal(batch.images[2], mixed[3, 0].image)
    alone = collate_mixed([mixed[2, 0]], NETWORK, 2)
    assert alone.targets.masks is None and alone.targets.points is not None
