"""Points: where they lie, that they stay in the image, and that weak.json tells nothing about hidden masks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wssis.config.data_stages import PointsSettings
from wssis.errors import InputError
from wssis.formats.coco import encode_mask, read_coco, write_coco
from wssis.formats.points import read_full_points, read_hidden_ids
from wssis.formats.split import write_split
from wssis.geometry.points import centroid, interior, simulate
from wssis.stages import points

HOOK = np.array(
    [
        [1, 1, 1, 1, 1, 0],
        [1, 0, 0, 0, 1, 0],
        [1, 0, 0, 0, 1, 0],
        [1, 0, 0, 0, 1, 0],
    ],
    dtype=bool,
)
SLAB = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 1, 0],
        [0, 1, 1, 1, 1, 1, 0],
        [0, 1, 1, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    dtype=bool,
)
MASKS = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(np.any)


def test_centroid_may_lie_outside() -> None:
    x, y = centroid(HOOK)
    assert (x, y) == (2.0, 12 / 11)
    assert not HOOK[round(y), round(x)]


def test_interior_is_in_the_middle_of_the_thickest_part() -> None:
    assert interior(SLAB) == (3.0, 2.0)
    assert interior(np.ones((5, 5), dtype=bool)) == (2.0, 2.0)


def test_one_pixel() -> None:
    mask = np.zeros((3, 4), dtype=bool)
    mask[2, 3] = True
    for strategy in ("centroid", "interior", "random"):
        assert simulate(mask, strategy, 0.0, np.random.default_rng(0)) == (3.0, 2.0)


@given(MASKS, st.sampled_from(["interior", "random"]), st.integers(0, 99))
def test_interior_and_random_lie_in_the_mask(mask: np.ndarray, strategy: str, seed: int) -> None:
    x, y = simulate(mask, strategy, 0.0, np.random.default_rng(seed))
    assert mask[int(y), int(x)]


@given(MASKS, st.sampled_from(["centroid", "interior", "random"]), st.floats(0, 1000), st.integers(0, 99))
def test_points_stay_in_the_image(mask: np.ndarray, strategy: str, drift: float, seed: int) -> None:
    x, y = simulate(mask, strategy, drift, np.random.default_rng(seed))
    assert 0 <= x <= mask.shape[1] - 1
    assert 0 <= y <= mask.shape[0] - 1


def test_random_is_uniform() -> None:
    rng = np.random.default_rng(0)
    drawn = [simulate(HOOK, "random", 0.0, rng) for _ in range(2200)]
    counts = np.zeros(HOOK.shape)
    for x, y in drawn:
        counts[int(y), int(x)] += 1
    assert (counts[~HOOK] == 0).all()
    assert counts[HOOK].min() > 140 and counts[HOOK].max() < 260


def test_drift_has_its_deviation() -> None:
    mask = np.zeros((101, 101), dtype=bool)
    mask[50, 50] = True
    rng = np.random.default_rng(0)
    drawn = np.array([simulate(mask, "centroid", 4.0, rng) for _ in range(2000)])
    assert np.allclose(drawn.std(axis=0), 4.0, rtol=0.06)


def test_empty_mask_and_unknown_strategy() -> None:
    with pytest.raises(ValueError, match="empty mask"):
        simulate(np.zeros((2, 2), dtype=bool), "centroid", 0.0, np.random.default_rng(0))
    with pytest.raises(ValueError, match="unknown strategy"):
        simulate(SLAB, "middle", 0.0, np.random.default_rng(0))


def _annotation(identity: int, image: int, mask: np.ndarray, **more: object) -> dict[str, Any]:
    base = {"id": identity, "image_id": image, "category_id": 1 + identity % 2, "segmentation": encode_mask(mask)}
    return {**base, "bbox": [0, 0, 1, 1], "area": int(mask.sum()), "iscrowd": 0, **more}


def _data(folder: Path) -> dict[str, Any]:
    """Image 1 full, 2 and 3 weak (3 empty but for a crowd), 4 unlabelled; train.json, split.csv, full.json."""
    images = [{"id": n, "file_name": f"{n}.png", "width": 7, "height": 5, "video": "v"} for n in (1, 2, 3, 4)]
    annotations = [_annotation(10, 1, SLAB), _annotation(11, 1, SLAB, iscrowd=1)]
    annotations += [_annotation(20 + n, 2, np.roll(SLAB, n, axis=1)) for n in range(6)]
    annotations += [_annotation(30, 3, SLAB, iscrowd=1), _annotation(40, 4, SLAB)]
    categories = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    coco = {"images": images, "annotations": annotations, "categories": categories}
    write_coco(folder / "train.json", coco)
    write_split(folder / "split.csv", {1: "full", 2: "point", 3: "point", 4: "unlabelled"})
    write_coco(folder / "full.json", {**coco, "images": images[:1], "annotations": annotations[:2]})
    return coco


def _run(folder: Path, **values: Any) -> dict[str, Any]:
    points.run(
        PointsSettings(**values), folder / "train.json", folder / "split.csv", folder / "full.json", folder / "run"
    )
    return read_coco(folder / "run" / "weak.json")


def test_stage(tmp_path: Path) -> None:
    coco = _data(tmp_path)
    weak = _run(tmp_path)
    assert weak["images"] == [{"id": n, "file_name": f"{n}.png", "width": 7, "height": 5} for n in (2, 3)]
    assert all(list(a) == ["id", "image_id", "category_id", "point"] for a in weak["annotations"])
    assert [a["id"] for a in weak["annotations"]] == [1, 2, 3, 4, 5, 6]
    hidden = read_hidden_ids(tmp_path / "run" / "hidden_ids.csv")
    assert sorted(hidden.values()) == [20, 21, 22, 23, 24, 25]
    assert list(hidden.values()) != sorted(hidden.values())
    by_id = {annotation["id"]: annotation for annotation in coco["annotations"]}
    for annotation in weak["annotations"]:
        truth = by_id[hidden[annotation["id"]]]
        assert annotation["category_id"] == truth["category_id"]
        assert annotation["point"] == list(centroid(np.roll(SLAB, truth["id"] - 20, axis=1)))
    assert read_full_points(tmp_path / "run" / "full_points.csv") == {10: (3.0, 2.0)}
    counts = json.loads((tmp_path / "run" / "points.manifest.json").read_text())["counts"]
    expected = {"full_points": 1, "weak_images": 2, "weak_points": 6, "verified_empty": 1}
    assert counts == {**expected, "weak_crowd": 1, "full_crowd": 1}


@pytest.mark.parametrize("name", ["train.json", "full.json"])
def test_points_in_the_place_of_masks(tmp_path: Path, name: str) -> None:
    _data(tmp_path)
    weak = _run(tmp_path)
    write_coco(tmp_path / name, weak)
    with pytest.raises(InputError, match=rf"{name}: annotation 1 has no segmentation; is it the right file\?"):
        _run(tmp_path)


def test_order_and_ids_do_not_depend_on_masks(tmp_path: Path) -> None:
    coco = _data(tmp_path)
    before = _run(tmp_path)
    for annotation in coco["annotations"]:
        if annotation["image_id"] == 2:
            annotation |= {"segmentation": encode_mask(HOOK_IN_IMAGE), "area": 11, "bbox": [0, 0, 5, 4]}
    coco["annotations"].reverse()
    write_coco(tmp_path / "train.json", coco)
    after = _run(tmp_path)
    without_points = [[{**a, "point": None} for a in weak["annotations"]] for weak in (before, after)]
    assert without_points[0] == without_points[1]


HOOK_IN_IMAGE = np.pad(HOOK, ((0, 1), (0, 1)))


def test_same_seed_same_bytes_other_seed_other_order(tmp_path: Path) -> None:
    _data(tmp_path)
    names = ("weak.json", "full_points.csv", "hidden_ids.csv")
    seen = []
    for seed in (0, 0, 1):
        _run(tmp_path, strategy="random", drift=1.0, seed=seed)
        seen.append([(tmp_path / "run" / name).read_bytes() for name in names])
    assert seen[0] == seen[1] != seen[2]


def test_split_of_another_set(tmp_path: Path) -> None:
    _data(tmp_path)
    write_split(tmp_path / "split.csv", {1: "full", 2: "point"})
    with pytest.raises(InputError, match=r"split\.csv: lists other images"):
        _run(tmp_path)


def test_all_full(tmp_path: Path) -> None:
    coco = _data(tmp_path)
    write_split(tmp_path / "split.csv", dict.fromkeys((1, 2, 3, 4), "full"))
    write_coco(tmp_path / "full.json", coco)
    weak = _run(tmp_path)
    assert weak["images"] == weak["annotations"] == []
    assert len(read_full_points(tmp_path / "run" / "full_points.csv")) == 8
