"""box_points.json: boxes, points and labels by the masks, noise, real labels; and that it tells nothing else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_masks import drawn

from wssis.config.box_points import BoxPointsSettings
from wssis.errors import InputError
from wssis.formats.box_points import KEYS, read_box_points, write_box_points
from wssis.formats.coco import encode_mask, mask_box, read_coco, write_coco
from wssis.formats.points import read_hidden_ids
from wssis.formats.split import write_split
from wssis.stages import box_points

HAND = drawn("""
    .........
    ..####...
    ..#..##..
    ..####...
    .........
    ........#
""")


def _annotation(identity: int, image: int, mask: np.ndarray, **more: object) -> dict[str, Any]:
    base = {"id": identity, "image_id": image, "category_id": 1 + identity % 2, "segmentation": encode_mask(mask)}
    return {**base, "bbox": [0, 0, 1, 1], "area": int(mask.sum()), "iscrowd": 0, **more}


def _mask_of(annotation: int) -> np.ndarray:
    return np.roll(HAND, annotation % 10, axis=1)


def _data(folder: Path, kinds: dict[int, str] | None = None) -> dict[str, Any]:
    """Image 1 full, 2 to 4 with boxes (3 empty but for a crowd), 5 with single points; train.json and split.csv."""
    images = [{"id": n, "file_name": f"{n}.png", "width": 9, "height": 6, "video": "v"} for n in (1, 2, 3, 4, 5)]
    annotations = [_annotation(10, 1, HAND), _annotation(50, 5, HAND)]
    annotations += [_annotation(n, 4, _mask_of(n)) for n in (41, 40)]
    annotations += [_annotation(20 + n, 2, _mask_of(20 + n)) for n in range(8)]
    annotations += [_annotation(30, 3, HAND, iscrowd=1)]
    categories = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    coco = {"images": images, "annotations": annotations, "categories": categories}
    write_coco(folder / "train.json", coco)
    write_split(folder / "split.csv", kinds or {1: "full", 2: "points10", 3: "points10", 4: "points10", 5: "point"})
    return coco


def _run(folder: Path, **values: Any) -> dict[str, Any]:
    box_points.run(BoxPointsSettings(**values), folder / "train.json", folder / "split.csv", folder / "run")
    return read_box_points(folder / "run" / "box_points.json")


def _counts(folder: Path) -> dict[str, int]:
    return json.loads((folder / "run/box_points.manifest.json").read_text())["counts"]


def _truth(folder: Path, made: dict[str, Any]) -> list[np.ndarray]:
    hidden = read_hidden_ids(folder / "run/box_hidden_ids.csv")
    return [_mask_of(hidden[one["id"]]) for one in made["annotations"]]


def test_boxes_and_labels_are_those_of_the_masks(tmp_path: Path) -> None:
    coco = _data(tmp_path)
    made = _run(tmp_path)
    assert made["images"] == [{"id": n, "file_name": f"{n}.png", "width": 9, "height": 6} for n in (2, 3, 4)]
    assert made["categories"] == coco["categories"]
    assert all(tuple(one) == KEYS for one in made["annotations"])
    classes = {one["id"]: one["category_id"] for one in coco["annotations"]}
    hidden = read_hidden_ids(tmp_path / "run/box_hidden_ids.csv")
    for one, mask in zip(made["annotations"], _truth(tmp_path, made), strict=True):
        assert one["category_id"] == classes[hidden[one["id"]]]
        assert one["bbox"] == mask_box(mask)
        x, y, width, height = one["bbox"]
        assert len(one["point_coords"]) == 10
        assert all(x <= px < x + width and y <= py < y + height for px, py in one["point_coords"])
        assert one["point_labels"] == [int(mask[int(py), int(px)]) for px, py in one["point_coords"]]
    assert sorted(hidden.values()) == [20, 21, 22, 23, 24, 25, 26, 27, 40, 41]
    found = _counts(tmp_path)
    on_objects = sum(sum(one["point_labels"]) for one in made["annotations"])
    assert found == {"box_images": 3, "boxes": 10, "points": 100, "object_points": on_objects, "verified_empty": 1,
                     "crowd": 1, "wrong_labels": 0}  # fmt: skip


def test_order_and_ids_tell_nothing(tmp_path: Path) -> None:
    coco = _data(tmp_path)
    before = _run(tmp_path)
    ids = list(read_hidden_ids(tmp_path / "run/box_hidden_ids.csv").values())
    assert [one["id"] for one in before["annotations"]] == list(range(1, 11))
    assert ids != sorted(ids) and [one["image_id"] for one in before["annotations"]] != [2] * 8 + [4] * 2
    coco["annotations"].reverse()
    write_coco(tmp_path / "train.json", coco)
    assert _run(tmp_path) == before


def test_fewer_points_are_the_first_of_more_and_seeds_differ(tmp_path: Path) -> None:
    _data(tmp_path)
    ten, five, other = _run(tmp_path), _run(tmp_path, points=5), _run(tmp_path, seed=1)
    for one, less in zip(ten["annotations"], five["annotations"], strict=True):
        assert less == {**one, "point_coords": one["point_coords"][:5], "point_labels": one["point_labels"][:5]}
    assert {str(one["point_coords"]) for one in ten["annotations"]}.isdisjoint(
        str(one["point_coords"]) for one in other["annotations"]
    )


@pytest.mark.parametrize("noise", ["random", "boundary"])
@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_noise_turns_exactly_its_share_of_labels(tmp_path: Path, noise: str, share: float) -> None:
    _data(tmp_path)
    clean, noisy = _run(tmp_path), _run(tmp_path, noise=noise, noise_share=share)
    labels = [np.array([one["point_labels"] for one in made["annotations"]]) for made in (clean, noisy)]
    assert (labels[0] != labels[1]).sum() == _counts(tmp_path)["wrong_labels"] == round(100 * share)
    assert all(
        one["point_coords"] == other["point_coords"]
        for one, other in zip(clean["annotations"], noisy["annotations"], strict=True)
    )


def test_noise_at_the_boundary_is_at_the_boundary(tmp_path: Path) -> None:
    _data(tmp_path)
    clean, noisy = _run(tmp_path), _run(tmp_path, noise="boundary", noise_share=0.1)
    distances: dict[bool, list[float]] = {True: [], False: []}
    for one, other, mask in zip(clean["annotations"], noisy["annotations"], _truth(tmp_path, clean), strict=True):
        for point, was, now in zip(one["point_coords"], one["point_labels"], other["point_labels"], strict=True):
            rows, columns = np.nonzero(mask != bool(was))
            sides = [np.maximum(low - at, at - low - 1).clip(0) for low, at in zip((columns, rows), point, strict=True)]
            distances[was != now].append(float(np.hypot(*sides).min()))
    assert len(distances[True]) == 10
    assert max(distances[True]) <= min(distances[False])


def test_without_images_of_the_kind_and_on_images_with_single_points(tmp_path: Path) -> None:
    _data(tmp_path, dict.fromkeys((1, 2, 3, 4, 5), "full"))
    with pytest.raises(InputError, match=r"split\.csv: no image is of kind points10; raise its share"):
        _run(tmp_path)
    _data(tmp_path)
    assert [image["id"] for image in _run(tmp_path, label_kind="point")["images"]] == [5]


def test_split_of_another_set(tmp_path: Path) -> None:
    _data(tmp_path)
    write_split(tmp_path / "split.csv", {1: "full", 2: "point"})
    with pytest.raises(InputError, match=r"split\.csv: lists other images"):
        _run(tmp_path)


def _real(folder: Path) -> dict[str, Any]:
    """Labels as a team would have drawn them, on all images of the training set."""
    coco = read_coco(folder / "train.json")
    annotations = [
        {"id": 900 - one["id"], "image_id": one["image_id"], "category_id": one["category_id"],
         "bbox": [0.5, 0.5, 6.0, 4.0], "point_coords": [[1.5, 1.5], [5.0, 4.0]], "point_labels": [1, 0]}
        for one in coco["annotations"] if not one["iscrowd"]
    ]  # fmt: skip
    return {**coco, "annotations": annotations}


def test_real_labels_take_the_place_of_simulated_ones(tmp_path: Path) -> None:
    _data(tmp_path)
    real = _real(tmp_path)
    write_box_points(tmp_path / "real.json", real)
    made = _run(tmp_path, file=str(tmp_path / "real.json"))
    assert [one["id"] for one in made["annotations"]] == sorted(one["id"] for one in made["annotations"])
    wanted = [one for one in real["annotations"] if one["image_id"] in (2, 3, 4)]
    assert made["annotations"] == sorted(wanted, key=lambda one: one["id"])
    assert read_hidden_ids(tmp_path / "run/box_hidden_ids.csv") == {}
    manifest = json.loads((tmp_path / "run/box_points.manifest.json").read_text())
    assert manifest["inputs"]["given"]["path"] == (tmp_path / "real.json").as_posix()


REFUSED = [
    (lambda real: real["images"].pop(1), "image 2 is missing; label it"),
    (lambda real: real["images"].append({"id": 77, "file_name": "x", "width": 9, "height": 6}),
     "image 77 is not in train.json"),
    (lambda real: real["images"][1].update(file_name="other.png"), r"image 2 is other.png \(9 x 6\); in train.json"),
    (lambda real: real["categories"].append({"id": 3, "name": "c"}), r"category 3 \(c\) is not in train.json"),
    (lambda real: real["categories"][0].update(name="z"), r"category 1 \(z\) is not in train.json, which has a"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), REFUSED)
def test_real_labels_of_other_images_are_refused_by_file_and_id(tmp_path: Path, spoil: Any, message: str) -> None:
    _data(tmp_path)
    real = _real(tmp_path)
    spoil(real)
    real["annotations"] = [one for one in real["annotations"] if one["image_id"] != 2]
    write_coco(tmp_path / "real.json", real)
    with pytest.raises(InputError, match=rf"real\.json: {message}"):
        _run(tmp_path, file=str(tmp_path / "real.json"))
