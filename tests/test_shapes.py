"""The embedded data set: reproducible, sound, and as hard as it is meant to be."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from wssis.config.data_stages import GenerateSettings
from wssis.errors import InputError
from wssis.formats.coco import annotations_by_image, decode_mask, read_coco
from wssis.formats.coco_check import check_coco
from wssis.formats.manifest import digest_of
from wssis.formats.photographs import PHOTOGRAPHS, photograph_paths
from wssis.geometry.shapes.drawn_masks import borders, signed_area
from wssis.geometry.shapes.layers import Layer, enough_visible, polygon_area, visible_masks
from wssis.geometry.shapes.outlines import CATALOGUE, pose
from wssis.geometry.shapes.raster import coverage
from wssis.geometry.shapes.scenes import LEAST_PIXELS, class_shares
from wssis.stages import generate

SETTINGS = GenerateSettings(train_images=120, val_images=20)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shapes")
    generate.run(SETTINGS, out)
    return out


@pytest.fixture(scope="module")
def train(shapes: Path) -> dict[str, Any]:
    return read_coco(shapes / "train.json")


def _masks(coco: dict[str, Any]) -> dict[int, list[tuple[int, np.ndarray]]]:
    """Image id -> (category id, mask) of its objects."""
    groups = annotations_by_image(coco)
    size = SETTINGS.size
    return {image: [(a["category_id"], decode_mask(a, size, size)) for a in group] for image, group in groups.items()}


def test_both_files_are_sound(shapes: Path) -> None:
    for subset in ("train", "val"):
        assert check_coco(read_coco(shapes / f"{subset}.json"), Path(subset)) == []


@pytest.mark.parametrize(
    "values", [{"objects": (5, 2)}, {"objects": (0, 2)}, {"object_size": (0.01, 0.2)}, {"noise": (-1, 2)}]
)
def test_settings_that_cannot_be_drawn(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        GenerateSettings(**values)


def test_images_are_there(shapes: Path, train: dict[str, Any]) -> None:
    for image in train["images"]:
        with Image.open(shapes / "images" / "train" / image["file_name"]) as picture:
            assert (picture.size, picture.mode) == ((SETTINGS.size, SETTINGS.size), "RGB")


def test_same_settings_same_bytes_other_seed_other_bytes(tmp_path: Path) -> None:
    digests = []
    for run, seed in enumerate((1, 1, 2)):
        out = tmp_path / str(run)
        generate.run(GenerateSettings(train_images=10, val_images=4, seed=seed), out)
        digests.append([digest_of(out / name) for name in ("train.json", "val.json", "images")])
    assert digests[0] == digests[1]
    assert all(one != other for one, other in zip(digests[1], digests[2], strict=True))


def test_an_image_does_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    for count in (10, 14):
        settings = GenerateSettings(train_images=count, val_images=4, empty=0)
        generate.run(settings, tmp_path / str(count))
    few, many = (tmp_path / str(count) / "images" / "train" / "000010.png" for count in (10, 14))
    assert few.read_bytes() == many.read_bytes()


def test_photographs_of_train_and_val_differ() -> None:
    contents = {subset: {path.read_bytes() for path in photograph_paths(subset)} for subset in PHOTOGRAPHS}
    assert not contents["train"] & contents["val"]
    assert {name.split("_")[0] for name in PHOTOGRAPHS["train"]}.isdisjoint(
        name.split("_")[0] for name in PHOTOGRAPHS["val"]
    )


def test_three_of_ten_objects_touch_one_of_their_class(train: dict[str, Any]) -> None:
    touching = []
    for objects in _masks(train).values():
        for place, (category, mask) in enumerate(objects):
            grown = ndimage.binary_dilation(mask, iterations=2)
            others = (m for i, (c, m) in enumerate(objects) if i != place and c == category)
            touching.append(any((grown & other).any() for other in others))
    assert np.mean(touching) >= 0.3


def test_long_tail(train: dict[str, Any]) -> None:
    counts = Counter(annotation["category_id"] for annotation in train["annotations"])
    assert len(counts) == SETTINGS.classes
    head, tail = counts[1] + counts[2], counts[SETTINGS.classes - 1] + counts[SETTINGS.classes]
    assert head / tail > 4
    shares = class_shares(8, 10)
    assert shares[0] / shares[-1] == pytest.approx(10)
    assert shares.sum() == pytest.approx(1)


def test_empty_images(shapes: Path, train: dict[str, Any]) -> None:
    assert sum(not objects for objects in annotations_by_image(train).values()) == 6
    assert sum(not objects for objects in annotations_by_image(read_coco(shapes / "val.json")).values()) == 1


def test_validation_masks_are_exact(shapes: Path) -> None:
    for objects in _masks(read_coco(shapes / "val.json")).values():
        taken = np.zeros((SETTINGS.size, SETTINGS.size), dtype=int)
        for _, mask in objects:
            taken += mask
            fragments, _ = ndimage.label(mask)
            assert np.bincount(fragments.ravel())[1:].min() >= LEAST_PIXELS
        assert taken.max(initial=0) <= 1


def test_training_masks_are_drawn_and_a_little_off(train: dict[str, Any], tmp_path: Path) -> None:
    values = SETTINGS.model_dump() | {"polygon_error": 0.0}
    generate.run(GenerateSettings(**values), tmp_path)
    exact = _masks(read_coco(tmp_path / "train.json"))
    overlaps = []
    for image, objects in _masks(train).items():
        for (_, drawn), (_, true) in zip(objects, exact[image], strict=False):
            if (drawn & true).any():
                overlaps.append((drawn & true).sum() / (drawn | true).sum())
    assert 0.88 < np.median(overlaps) < 0.99


def test_rings_keep_their_holes(train: dict[str, Any]) -> None:
    rings = [a for a in train["annotations"] if a["category_id"] == 1 + list(CATALOGUE).index("ring")]
    holed = 0
    for annotation in rings:
        mask = decode_mask(annotation, SETTINGS.size, SETTINGS.size)
        holed += bool((ndimage.binary_fill_holes(mask) & ~mask).any())
    assert holed > len(rings) / 2


@pytest.mark.parametrize("name", CATALOGUE)
def test_outlines(name: str) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        outline = pose(CATALOGUE[name](rng), 20.0, (40.0, 40.0), 180.0, rng)
        area = polygon_area(outline)
        assert coverage(outline, 80).sum() == pytest.approx(area, rel=0.05)
        assert 0.25 * 20**2 < area < 4 * 20**2
        assert np.abs(outline[0] - 40).max() < 40


def test_visible_parts() -> None:
    low, high = np.zeros((4, 6), dtype=np.float32), np.zeros((4, 6), dtype=np.float32)
    low[1:3, 0:4] = 1
    high[:, 3:] = 1
    surface = np.zeros((4, 6, 3), dtype=np.float32)
    layers = [Layer(low, surface, category=0, full_area=8), Layer(high, surface)]
    assert visible_masks(layers)[0].astype(int).tolist() == [
        [0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    assert enough_visible(layers, least=0.75, least_pixels=6)
    assert not enough_visible(layers, least=0.8, least_pixels=6)
    assert not enough_visible(layers, least=0.5, least_pixels=7)


def test_borders_of_a_mask_with_a_hole() -> None:
    mask = np.ones((5, 5), dtype=bool)
    mask[2, 2] = False
    areas = [signed_area(ring) for ring in borders(mask, 0.0)]
    # Corners are cut at half a pixel: 4 x 1/8 px less of 25, and half of the hole's one pixel.
    assert areas == [24.5, -0.5]


@pytest.mark.parametrize("there", ["images/train/photo1.jpg", "train.json"])
def test_other_data_are_not_drawn_over(tmp_path: Path, there: str) -> None:
    path = tmp_path / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(InputError, match=r"would be lost|none of the drawn"):
        generate.run(GenerateSettings(train_images=10, val_images=4), tmp_path)
    assert path.read_text() == "mine"
    path.unlink()
    for _ in range(2):  # Its own older images it replaces, also by hand where Snakemake made them.
        generate.run(GenerateSettings(train_images=10, val_images=4), tmp_path)
        assert not (tmp_path / "images" / "train" / ".snakemake_timestamp").exists()
        (tmp_path / "images" / "train" / ".snakemake_timestamp").touch()
    (tmp_path / "images" / "train" / ".snakemake_timestamp").unlink()
    assert len(list((tmp_path / "images" / "train").iterdir())) == 10
