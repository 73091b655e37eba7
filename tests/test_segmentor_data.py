"""Training samples of the segmentor: what is kept, moved, dropped, and remembered."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from segmentor_fixtures import COMMON, HEIGHT, NETWORK, WIDTH, training_set, write_study

from wssis.config.training import AugmentationSettings
from wssis.engine import segmentor_data
from wssis.engine.feed import Feed
from wssis.engine.image_cache import Cache
from wssis.engine.sampler import EpochOrder, StepSampler
from wssis.engine.segmentor_data import SegmentorSample, SegmentorSamples, collate
from wssis.errors import InputError
from wssis.formats.images_table import ImageRow

PLAIN = AugmentationSettings(short_sides=(HEIGHT,), long_side=WIDTH, flip=0.0)


@pytest.fixture
def study(tmp_path: Path) -> dict[str, Path]:
    return write_study(tmp_path)


def _samples(study: dict[str, Path], settings: AugmentationSettings = PLAIN, **changes: object) -> SegmentorSamples:
    return SegmentorSamples(training_set() | changes, study["images_table"], study["image_dir"], settings)


def _equal(one: SegmentorSample, other: SegmentorSample) -> bool:
    fields = ("masks", "labels", "boxes", "points", "has_mask", "weights", "ignore")
    pairs = [(getattr(one.instances, name), getattr(other.instances, name)) for name in fields]
    same = all(a is b is None or torch.equal(a, b) for a, b in pairs)
    return same and torch.equal(one.image, other.image) and one.image_id == other.image_id


def test_without_augmentation_the_annotations_come_as_they_are(study: dict[str, Path]) -> None:
    sample = _samples(study)[0, 0]
    assert np.array_equal(sample.image.permute(1, 2, 0), np.asarray(Image.open(study["image_dir"] / "1.png")))
    objects = sample.instances
    assert objects.boxes.tolist() == [[4, 4, 24, 20], [30, 20, 60, 44]]
    assert objects.labels.tolist() == [1, 0] and objects.weights.tolist() == [0.5, 1.0]
    assert objects.has_mask.all() and objects.ignore is None
    assert objects.masks.sum((1, 2)).tolist() == [20 * 16, 30 * 24]


def test_unmasked_objects_and_crowds(study: dict[str, Path]) -> None:
    objects = _samples(study)[1, 0].instances
    assert objects.has_mask.tolist() == [False] and objects.points.tolist() == [[40.0, 10.0]]
    assert not objects.masks.any() and objects.masks.shape == (1, HEIGHT, WIDTH)
    assert objects.ignore.dtype == torch.bool and int(objects.ignore.sum()) == 20 * 18


def test_an_image_without_objects(study: dict[str, Path]) -> None:
    objects = _samples(study)[2, 0].instances
    assert len(objects) == 0 and objects.masks.shape == (0, HEIGHT, WIDTH) and objects.points.shape == (0, 2)


def test_objects_that_are_cropped_away_are_dropped(study: dict[str, Path]) -> None:
    samples = _samples(study, PLAIN.model_copy(update={"zoom": (4.0, 4.0), "flip": 0.5}))
    counts = {index: {len(samples[index, seed].instances) for seed in range(40)} for index in (0, 1, 3)}
    assert counts == {0: {0, 1, 2}, 1: {0, 1}, 3: {0, 1}}
    for seed in range(40):
        objects = samples[0, seed].instances
        assert (objects.masks.sum((1, 2)) > 0).all()
        assert len(objects.labels) == len(objects.weights) == len(objects.boxes) == len(objects.points)


def test_image_masks_and_points_move_together(study: dict[str, Path]) -> None:
    """The object is painted white on black: afterwards the mask is where the image is bright."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, 50:] = 255
    samples = _samples(study, COMMON["augmentation"].model_copy(update={"jitter": 0.0, "hue": 0.0}))
    decoded = samples._decode(3)
    decoded.image.copy_(torch.from_numpy(pixels).permute(2, 0, 1))
    samples._cache.get(3, lambda _: decoded)
    seen = 0
    for seed in range(30):
        sample = samples[3, seed]
        if len(sample.instances):
            bright = (sample.image >= 128).all(0)
            assert int((bright ^ sample.instances.masks[0].bool()).sum()) == 0
            x, y = (sample.instances.points[0] + 0.5).floor().long().tolist()
            if 0 <= y < bright.shape[0] and 0 <= x < bright.shape[1]:
                assert bright[y, x]
                seen += 1
    assert seen > 10


def test_samples_are_functions_of_index_and_seed(study: dict[str, Path]) -> None:
    one, other = (_samples(study, COMMON["augmentation"]) for _ in range(2))
    for index in (3, 1, 0, 2, 1):
        assert _equal(one[index, 5], other[index, 5])
    assert not torch.equal(one[0, 5].image, one[0, 6].image)


class _OnlyData:
    """A task's side of the feed."""

    def __init__(self, dataset: SegmentorSamples) -> None:
        self.dataset, self.collate = dataset, list

    def to_device(self, batch: list[SegmentorSample], device: torch.device) -> list[SegmentorSample]:
        return batch


def test_workers_make_the_same_samples(study: dict[str, Path]) -> None:
    batches = []
    for workers in (0, 2):
        task = _OnlyData(_samples(study, COMMON["augmentation"]))
        feed = Feed(task, StepSampler(EpochOrder(4, 1), 3, 1, 0, 4), workers, torch.device("cpu"))
        batches.append([sample for batch in feed for sample in batch])
    assert len(batches[0]) == len(batches[1]) == 12
    assert all(_equal(one, other) for one, other in zip(*batches, strict=True))


def test_a_batch_brings_its_targets(study: dict[str, Path]) -> None:
    samples = [_samples(study)[index, 0] for index in range(4)]
    batch = collate(samples, NETWORK, 2)
    assert batch.image_ids == [1, 2, 3, 4] and all(image.shape == (3, HEIGHT, WIDTH) for image in batch.images)
    cells = sum(grid * grid for grid in NETWORK.grids)
    # 48 x 64 px is padded to 64 x 64; of the five annotations one is a crowd.
    assert batch.targets.category.shape == (4, cells) and batch.targets.masks.shape == (4, 16, 16)
    # Neither the object that only has a point nor the image without objects has pairs.
    assert [pairs > 0 for pairs in batch.targets.pairs] == [True, False, False, True]
    assert batch.targets.positives == int((batch.targets.category < 2).sum())
    assert batch.targets.image.tolist() == [image for image in range(4) for _ in range(batch.targets.pairs[image])]


def test_each_image_is_read_once(study: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    plain = segmentor_data.read_image

    def noted(folder: Path, row: ImageRow) -> np.ndarray:
        read.append(row.image_id)
        return plain(folder, row)

    monkeypatch.setattr(segmentor_data, "read_image", noted)
    samples = _samples(study, COMMON["augmentation"])
    for number in range(12):
        samples[number % 4, number]
    assert sorted(read) == [1, 2, 3, 4]


def test_the_cache_keeps_what_fits() -> None:
    cache: Cache[int, np.ndarray] = Cache(3.0)
    made = []

    def make(key: int) -> np.ndarray:
        made.append(key)
        return np.zeros(2**20 if key < 10 else 2**23, np.uint8)

    for key in (1, 2, 3, 1, 4, 1, 2, 10, 10):
        cache.get(key, make)
    assert made == [1, 2, 3, 4, 2, 10, 10] and len(cache) == 3


def test_bad_data_are_refused(study: dict[str, Path]) -> None:
    annotation = {"id": 5, "image_id": 1, "category_id": 3, "segmentation": None}
    with pytest.raises(InputError, match="annotation 5: has neither"):
        _samples(study, annotations=[annotation])
    with pytest.raises(InputError, match=r"images\.csv: has no image 9"):
        _samples(study, images=[{"id": 9}], annotations=[])
    Image.new("RGB", (WIDTH, HEIGHT)).save(study["image_dir"] / "1.png")
    with pytest.raises(InputError, match="image 1 has changed"):
        _samples(study)[0, 0]


def test_uncertain_pixels_move_with_the_masks(study: dict[str, Path]) -> None:
    """The first object is uncertain wherever its mask is, the second nowhere; other images have none at all."""
    annotations = training_set()["annotations"]
    annotations[0]["uncertain"] = annotations[0]["segmentation"]
    samples = _samples(study, COMMON["augmentation"].model_copy(update={"zoom": (0.7, 4.0)}), annotations=annotations)
    found = [samples[0, seed].instances for seed in range(30)]
    assert any(len(objects) == 1 for objects in found) and any(len(objects) == 2 for objects in found)
    for objects in found:
        wanted = objects.masks * (objects.labels == 1)[:, None, None]
        assert torch.equal(objects.uncertain, wanted)
    assert samples[3, 0].instances.uncertain is None
