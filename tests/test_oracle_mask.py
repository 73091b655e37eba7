"""The training set of oracle-mask: exactly the hidden masks of the weak points."""

from pathlib import Path

import pytest
from drawn_masks import drawn

from wssis.config.mask_stages import OracleMaskSettings
from wssis.errors import InputError
from wssis.formats.atomic import write_json
from wssis.formats.coco import decode_mask, encode_mask, read_coco
from wssis.formats.manifest import read_manifest
from wssis.formats.points import write_hidden_ids
from wssis.stages import oracle_mask

CATEGORIES = [{"id": 3, "name": "ring"}, {"id": 5, "name": "star"}]


RING = drawn("""
    .###.....
    .#.#.....
    .###.....
    .........
    .........
    .........
""")
STAR = drawn("""
    .........
    .........
    ......#..
    .....###.
    ......#..
    .........
""")


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Image 1 is full. Image 2 has two points, and in train.json a crowd region beside; image 3 is unlabelled."""
    images = [{"id": n, "file_name": f"{n}.png", "height": 6, "width": 9} for n in (1, 2, 3)]
    square = [[0, 0, 3, 0, 3, 2, 0, 2]]
    truth = [
        {"id": 11, "image_id": 1, "category_id": 3, "segmentation": encode_mask(STAR), "iscrowd": 0},
        {"id": 12, "image_id": 2, "category_id": 3, "segmentation": encode_mask(RING), "iscrowd": 0},
        {"id": 13, "image_id": 2, "category_id": 5, "segmentation": square, "iscrowd": 0},
        {"id": 14, "image_id": 2, "category_id": 5, "segmentation": encode_mask(STAR), "iscrowd": 1},
        {"id": 15, "image_id": 3, "category_id": 5, "segmentation": encode_mask(STAR), "iscrowd": 0},
    ]
    points = [
        {"id": 1, "image_id": 2, "category_id": 5, "point": [1, 1]},
        {"id": 2, "image_id": 2, "category_id": 3, "point": [2, 1]},
    ]
    contents = {"train": (images, truth), "full": (images[:1], truth[:1]), "weak": (images[1:2], points)}
    for name, (some, annotations) in contents.items():
        write_json(tmp_path / f"{name}.json", {"images": some, "categories": CATEGORIES, "annotations": annotations})
    write_hidden_ids(tmp_path / "hidden_ids.csv", {1: 13, 2: 12})
    return tmp_path


def _run(folder: Path) -> Path:
    out = folder / "oracle-mask.json"
    paths = (folder / name for name in ("train.json", "full.json", "weak.json", "hidden_ids.csv"))
    oracle_mask.run(OracleMaskSettings(), *paths, out)
    return out


def test_each_point_gets_its_own_hidden_mask_and_nothing_else(run_folder: Path) -> None:
    made = read_coco(_run(run_folder))
    assert [image["id"] for image in made["images"]] == [1, 2]
    assert [one["source"] for one in made["annotations"]] == ["full", "pseudo", "pseudo"]
    square, ring = made["annotations"][1:]
    assert (square["category_id"], ring["category_id"]) == (5, 3)
    assert (decode_mask(ring, 6, 9) == RING).all()
    assert decode_mask(square, 6, 9).sum() == square["area"] == 6 and square["bbox"] == [0, 0, 3, 2]
    counts = read_manifest(run_folder / "oracle-mask.json.manifest.json")["counts"]
    assert (counts["weak_points"], counts["pseudo_masks"], counts["hidden"], counts["unmasked"]) == (2, 2, 2, 0)


def test_a_point_without_hidden_mask_is_named(run_folder: Path) -> None:
    write_hidden_ids(run_folder / "hidden_ids.csv", {1: 13})
    with pytest.raises(InputError, match="point 2 of image 2: no hidden mask; leave the arm oracle-mask out"):
        _run(run_folder)
