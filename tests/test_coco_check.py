"""Bad annotations of every kind are refused, all at once, each with file, id and remedy; odd but legal ones are not."""

import copy
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wssis.config.data_stages import PrepareSettings
from wssis.errors import InputError
from wssis.formats.coco import encode_mask, read_coco
from wssis.formats.coco_check import check_coco
from wssis.formats.rle import run_lengths
from wssis.stages import prepare

NAN = float("nan")
MASK = np.zeros((10, 12), dtype=bool)
MASK[2:5, 3:9] = True


def sound() -> dict[str, Any]:
    """Two images (the second empty but for a crowd); polygon, RLE and compressed RLE."""
    annotations = [
        {"id": 1, "image_id": 7, "category_id": 3, "segmentation": [[1, 1, 5, 1, 5, 5, 1, 5]], "bbox": [1, 1, 4, 4]},
        {"id": 2, "image_id": 7, "category_id": 9, "segmentation": encode_mask(MASK), "area": 18, "iscrowd": 0},
        {
            "id": 5,
            "image_id": 8,
            "category_id": 9,
            "segmentation": {"size": [4, 4], "counts": [3, 2, 11]},
            "iscrowd": 1,
        },
    ]
    images = [
        {"id": 8, "file_name": "sub/b.png", "width": 4, "height": 4},
        {"id": 7, "file_name": "a.png", "width": 12, "height": 10, "video": "x"},
        {"id": 9, "file_name": "c.png", "width": 4, "height": 4},
    ]
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 9, "name": "b"}, {"id": 3, "name": "a"}],
    }


Change = Callable[[dict[str, Any]], object]


def _annotation(**values: object) -> Change:
    return lambda coco: coco["annotations"][0].update(values)


def _rle(**values: object) -> Change:
    return lambda coco: coco["annotations"][1]["segmentation"].update(values)


def _image(**values: object) -> Change:
    return lambda coco: coco["images"][1].update(values)


BAD: dict[str, tuple[Change, str]] = {
    "unknown category": (_annotation(category_id=4), "annotation 1: unknown category_id 4"),
    "list for a category": (_annotation(category_id=[3]), "annotation 1: unknown category_id"),
    "unknown image": (_annotation(image_id=77), "annotation 1: unknown image_id 77"),
    "duplicate annotation": (_annotation(id=2), "annotation 2: this id occurs more than once"),
    "text for an id": (_annotation(id="one"), "annotation 'one': the id must be an integer"),
    "no segmentation": (_annotation(segmentation=None), "annotation 1: has no segmentation"),
    "a point for a mask": (
        _annotation(segmentation=None, point=[2, 2]), "annotation 1: has a point in place of a mask; give images with",
    ),
    "text for a segmentation": (_annotation(segmentation="m"), "annotation 1: segmentation is neither"),
    "empty polygon": (_annotation(segmentation=[]), "annotation 1: the polygon is empty"),
    "two corners": (_annotation(segmentation=[[1, 1, 2, 2]]), "annotation 1: a polygon needs three corners"),
    "odd numbers": (_annotation(segmentation=[[1, 1, 2, 2, 3, 3, 4]]), "annotation 1: a polygon needs three corners"),
    "outside": (
        _annotation(segmentation=[[20, 1, 25, 1, 25, 5]]),
        "annotation 1: a polygon .* reaches out of its image",
    ),
    "partly outside": (_annotation(segmentation=[[-3, 1, 5, 1, 5, 5]]), "annotation 1: a polygon .* reaches out"),
    "NaN in polygon": (_annotation(segmentation=[[1, 1, NAN, 1, 5, 5]]), "annotation 1: a polygon has a coordinate"),
    "text in polygon": (_annotation(segmentation=[[1, 1, "5", 1, 5, 5]]), "annotation 1: a polygon has a coordinate"),
    "no area": (_annotation(segmentation=[[1, 1, 5, 1, 3, 1]]), "annotation 1: the mask has no pixel"),
    "negative box": (_annotation(bbox=[1, 1, -4, 4]), "annotation 1: bbox .* has a negative side"),
    "NaN box": (_annotation(bbox=[1, NAN, 4, 4]), "annotation 1: bbox .* is not four finite numbers"),
    "short box": (_annotation(bbox=[1, 4, 4]), "annotation 1: bbox .* is not four finite numbers"),
    "NaN area": (_annotation(area=NAN), "annotation 1: area nan"),
    "crowd of 2": (_annotation(iscrowd=2), "annotation 1: iscrowd 2"),
    "RLE size": (_rle(size=[12, 10]), r"annotation 2: RLE of size \[12, 10\] in an image of \[10, 12\]"),
    "RLE too short": (_rle(counts=[10, 20]), "annotation 2: RLE runs add up to 30 px"),
    "RLE negative": (_rle(counts=[-5, 125]), "annotation 2: RLE with a negative run"),
    "RLE of text": (_rle(counts=["a"]), "annotation 2: RLE counts must be integers"),
    "RLE garbage": (_rle(counts="\x01 !"), "annotation 2: RLE counts cannot be read"),
    "RLE without counts": (_rle(counts=None), "annotation 2: RLE without counts"),
    "RLE of zeros": (_rle(counts=[120]), "annotation 2: the mask has no pixel"),
    "duplicate image": (_image(id=8), "image 8: this id occurs more than once"),
    "duplicate file": (_image(file_name="c.png"), "file_name 'c.png' belongs to more than one image"),
    "no file name": (_image(file_name=""), "image 7: has no file_name"),
    "absolute file name": (_image(file_name="/etc/a.png"), "image 7: file_name '/etc/a.png' leaves the image folder"),
    "file name upwards": (_image(file_name="x/../../a.png"), "image 7: file_name .* leaves the image folder"),
    "backslash": (_image(file_name="..\\a.png"), "image 7: file_name .* leaves the image folder"),
    "folder as file": (_image(file_name="."), "image 7: file_name .* leaves the image folder"),
    "no width": (_image(width=0), "image 7: width 0, height 10 must be positive"),
    "fractional height": (_image(height=10.5), "image 7: width 12, height 10.5 must be positive"),
    "duplicate category": (lambda c: c["categories"][0].update(id=3), "category 3: this id occurs more than once"),
    "category without name": (lambda c: c["categories"][0].pop("name"), "category 9: has no name"),
    "no categories": (lambda c: c["categories"].clear(), "has no categories"),
    "no images": (lambda c: c["images"].clear(), "has no images"),
    "no instance": (lambda c: c["annotations"].clear(), "has no instance at all"),
    "crowd only": (lambda c: [a.update(iscrowd=1) for a in c["annotations"]], "has no instance at all"),
    "2.0 for an image": (_annotation(image_id=7.0), r"annotation 1: unknown image_id 7\.0; .* correct the id"),
    "text for an image": (_annotation(image_id="7"), "annotation 1: unknown image_id '7'; .* correct the id"),
    "true for a category": (
        lambda c: (c["categories"][1].update(id=1), c["annotations"][0].update(category_id=True)),
        "annotation 1: unknown category_id True",
    ),
    "3.0 for a category": (_annotation(category_id=3.0), r"annotation 1: unknown category_id 3\.0"),
    "no category": (lambda c: c["annotations"][0].pop("category_id"), "annotation 1: has no category_id; give it"),
    "no image": (lambda c: c["annotations"][0].pop("image_id"), "annotation 1: unknown image_id None"),
    "no id": (lambda c: c["annotations"][0].pop("id"), "annotation None: the id must be an integer; renumber"),
    "fractional id": (_annotation(id=1.5), r"annotation 1\.5: the id must be an integer; renumber"),
    "true for an id": (_annotation(id=True), "annotation True: the id must be an integer; renumber"),
    "endless box": (_annotation(bbox=[1, 1, math.inf, 4]), "annotation 1: bbox .* is not four finite numbers"),
    "true in a box": (_annotation(bbox=[1, 1, True, 4]), "annotation 1: bbox .* is not four finite numbers"),
    "a box of text": (_annotation(bbox="1 1 4 4"), "annotation 1: bbox '1 1 4 4' is not four finite numbers"),
    "true for an area": (_annotation(area=True), "annotation 1: area True must be a finite number"),
    "true in a polygon": (_annotation(segmentation=[[1, 1, 5, True, 5, 5]]), "annotation 1: a polygon has a coord"),
    "beyond a float": (_annotation(segmentation=[[1, 1, 10**400, 1, 5, 5]]), "annotation 1: a polygon has a coord"),
    "box beyond a float": (_annotation(bbox=[1, 1, 10**400, 4]), "annotation 1: bbox .* is not four finite numbers"),
    "box far beyond": (_annotation(bbox=[-(10**400), 1, 4, 4.5]), "annotation 1: bbox .* is not four finite numbers"),
    "area beyond a float": (_annotation(area=10**400), "annotation 1: area 10+ must be a finite number"),
    "flat list of numbers": (_annotation(segmentation=[1, 1, 5, 1, 5, 5]), "annotation 1: a polygon needs three"),
    "RLE of fractions": (_rle(size=[10.0, 12.0]), r"annotation 2: RLE of size \[10\.0, 12\.0\]"),
    "RLE of a long run": (_rle(counts=[10**30]), "annotation 2: RLE counts cannot be read"),
    "RLE of fractional runs": (_rle(counts=[60.0, 60.0]), "annotation 2: RLE counts must be integers"),
    "text for an image id": (_image(id="7"), "image '7': the id must be an integer; renumber the images"),
    "no image id": (lambda c: c["images"][1].pop("id"), "image None: the id must be an integer"),
    "true for a width": (_image(width=True), "image 7: width True, height 10 must be positive"),
    "negative height": (_image(height=-10), "image 7: width 12, height -10 must be positive"),
    "text for a width": (_image(width="12"), "image 7: width '12', height 10 must be positive"),
    "decompression bomb": (_image(width=10**6, height=10**6), "image 7: 1000000 x 1000000 is more than 89 million"),
    "same file by another name": (_image(file_name="./c.png"), r"image 7: file_name 'c.png' belongs to .*\(7, 9\)"),
    "name with a drive": (_image(file_name="C:/a.png"), "image 7: file_name 'C:/a.png' leaves the image folder"),
    "number for a name": (_image(file_name=5), "image 7: has no file_name; name its file"),
    "text for a category id": (lambda c: c["categories"][0].update(id="9"), "category '9': the id must be an integer"),
    "category name twice": (
        lambda c: c["categories"][0].update(name="a"), r"category 9: the name 'a' is that of 2 categories \(9, 3\)"
    ),
    "blank category name": (lambda c: c["categories"][0].update(name=" "), "category 9: has no name; give it one"),
    "not objects": (lambda c: c["annotations"].append(3), "annotations must be a list of objects"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_named(kind: str) -> None:
    change, expected = BAD[kind]
    coco = sound()
    change(coco)
    problems = check_coco(coco, Path("my.json"))
    found = [problem for problem in problems if re.search(expected, str(problem))]
    assert found and all(problem.kind and problem.what and problem.remedy for problem in found), problems
    assert all(problem.file == "my.json" for problem in problems)


def test_sound_data_has_no_problem() -> None:
    assert check_coco(sound(), Path("my.json")) == []


def test_all_problems_at_once() -> None:
    coco = sound()
    for kind in ("unknown category", "RLE size", "duplicate file"):
        BAD[kind][0](coco)
    assert len(check_coco(coco, Path("my.json"))) == 3


@given(arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_run_lengths_of_compressed_rle(mask: np.ndarray) -> None:
    flat = mask.ravel(order="F").astype(int)
    changes = np.flatnonzero(np.diff(flat)) + 1
    expected = np.diff(np.concatenate([[0] if flat[0] == 0 else [0, 0], changes, [flat.size]])).tolist()
    assert run_lengths(encode_mask(mask)["counts"]).tolist() == expected
    assert run_lengths(expected).tolist() == expected


def _prepare(tmp_path: Path, train: dict[str, Any], val: dict[str, Any], zero_area: str = "refuse") -> Path:
    for name, coco in (("a.json", train), ("b.json", val)):
        (tmp_path / name).write_text(json.dumps(coco))
    prepare.run(PrepareSettings(zero_area=zero_area), tmp_path / "a.json", tmp_path / "b.json", tmp_path / "out")
    return tmp_path / "out"


def test_prepare_writes_one_form(tmp_path: Path) -> None:
    train = read_coco(_prepare(tmp_path, sound(), sound()) / "train.json")
    assert [image["id"] for image in train["images"]] == [7, 8, 9]
    assert train["images"][0]["video"] == "x"
    assert [category["id"] for category in train["categories"]] == [3, 9]
    keys = ["id", "image_id", "category_id", "segmentation", "bbox", "area", "iscrowd"]
    assert all(list(annotation) == keys for annotation in train["annotations"])
    assert [annotation["area"] for annotation in train["annotations"]] == [16, 18, 2]
    assert train["annotations"][1]["bbox"] == [3, 2, 6, 3]


def test_prepare_ignores_order_and_unread_keys(tmp_path: Path) -> None:
    shuffled = sound()
    shuffled["annotations"].reverse()
    shuffled["images"].reverse()
    shuffled["annotations"][0]["attributes"] = {"occluded": True}
    first = (_prepare(tmp_path, sound(), sound()) / "train.json").read_bytes()
    assert (_prepare(tmp_path, shuffled, sound()) / "train.json").read_bytes() == first


def test_prepare_refuses_both_files_at_once_and_writes_nothing(tmp_path: Path) -> None:
    train, val = sound(), sound()
    BAD["unknown category"][0](train)
    BAD["negative box"][0](val)
    with pytest.raises(InputError, match=r"(?s)2 problem.*a\.json: annotation 1.*b\.json: annotation 1"):
        _prepare(tmp_path, train, val)
    assert not list((tmp_path / "out").glob("*.json"))


def test_prepare_does_not_write_over_its_source(tmp_path: Path) -> None:
    for subset in ("train", "val"):
        (tmp_path / f"{subset}.json").write_text(json.dumps(sound()))
    before = (tmp_path / "train.json").read_bytes()
    with pytest.raises(InputError, match=r"train\.json: is a file to read"):
        prepare.run(PrepareSettings(), tmp_path / "train.json", tmp_path / "val.json", tmp_path)
    assert (tmp_path / "train.json").read_bytes() == before


def test_prepare_refuses_other_categories_in_val(tmp_path: Path) -> None:
    val = copy.deepcopy(sound())
    val["categories"][0]["name"] = "z"
    with pytest.raises(InputError, match=r"b\.json: category 9: 'z' is called 'b' in .*a\.json"):
        _prepare(tmp_path, sound(), val)


def test_prepare_drops_masks_without_a_pixel_when_told(tmp_path: Path) -> None:
    train = sound()
    BAD["no area"][0](train)
    out = _prepare(tmp_path, train, sound(), "drop")
    assert [annotation["id"] for annotation in read_coco(out / "train.json")["annotations"]] == [2, 5]
    assert json.loads((out / "prepare.manifest.json").read_text())["counts"]["train_dropped"] == 1


@pytest.mark.parametrize("name", ["coco-mini", "nuclei", "carparts", "pennfudan", "coco-street4"])
def test_real_sets_are_sound(shared_data: Path, name: str) -> None:
    for subset in ("train", "val"):
        path = shared_data / name / "annotations" / f"instances_{subset}.json"
        assert check_coco(read_coco(path), path) == []
