"""COCO masks in all three forms, by hand-made masks; ids and tables."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wssis.errors import InputError
from wssis.formats.coco import (
    annotations_by_image,
    class_indices,
    decode_mask,
    encode_mask,
    mask_box,
    read_coco,
    write_coco,
)
from wssis.formats.labels_file import MEANINGS, read_labels

MASK = np.array(
    [
        [0, 0, 0, 0, 0],
        [0, 1, 1, 0, 0],
        [0, 1, 1, 0, 0],
        [0, 1, 1, 0, 0],
    ],
    dtype=bool,
)


def test_three_forms_of_one_mask() -> None:
    polygon = {"id": 1, "segmentation": [[1, 1, 3, 1, 3, 4, 1, 4]]}
    runs = {"id": 1, "segmentation": {"size": [4, 5], "counts": [5, 3, 1, 3, 8]}}
    packed = {"id": 1, "segmentation": encode_mask(MASK)}
    for annotation in (polygon, runs, packed):
        assert (decode_mask(annotation, 4, 5) == MASK).all()
    assert isinstance(packed["segmentation"]["counts"], str)
    json.dumps(packed)


def test_several_polygons_are_united() -> None:
    mask = decode_mask({"segmentation": [[0, 0, 2, 0, 2, 2, 0, 2], [3, 0, 4, 0, 4, 1, 3, 1]]}, 3, 5)
    assert mask.astype(int).tolist() == [[1, 1, 0, 1, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]]


def test_decode_refuses_other_size_and_no_mask() -> None:
    with pytest.raises(InputError, match=r"annotation 4: RLE of size \[5, 4\]"):
        decode_mask({"id": 4, "segmentation": {"size": [5, 4], "counts": [20]}}, 4, 5)
    for nothing in (None, []):
        with pytest.raises(InputError, match="annotation 9: has no segmentation"):
            decode_mask({"id": 9, "segmentation": nothing}, 4, 5)


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_encode_then_decode(mask: np.ndarray) -> None:
    assert (decode_mask({"segmentation": encode_mask(mask)}, *mask.shape) == mask).all()


def test_mask_box() -> None:
    assert mask_box(MASK) == [1, 1, 2, 3]
    assert mask_box(np.zeros((3, 3))) == [0, 0, 0, 0]


def test_class_index_is_the_place_among_sorted_ids() -> None:
    assert class_indices({"categories": [{"id": 90}, {"id": 1}, {"id": 13}]}) == {1: 0, 13: 1, 90: 2}


def test_every_image_has_a_group() -> None:
    coco = {"images": [{"id": 3}, {"id": 5}], "annotations": [{"id": 1, "image_id": 5}], "categories": []}
    assert annotations_by_image(coco) == {3: [], 5: [{"id": 1, "image_id": 5}]}


def test_read_and_write(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    coco = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "ring"}]}
    write_coco(path, coco)
    assert read_coco(path) == coco


@pytest.mark.parametrize(
    "text",
    ["", "[1]", "{}", '{"images": [], "annotations": {}, "categories": []}', 2000 * "[", '{"images": ["\\ud800"]}'],
)
def test_not_a_coco_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"bad\.json"):
        read_coco(path)


def _labels() -> dict[str, list]:
    points = [{"id": n, "image_id": 1 + n % 2, "category_id": 7, "point": [0, 0]} for n in (3, 4)]
    return {"images": [{"id": 1}, {"id": 2}], "annotations": points, "categories": [{"id": 7, "name": "a"}]}


def test_labels_that_are_asked_for(tmp_path: Path) -> None:
    write_coco(tmp_path / "a.json", _labels())
    assert read_labels(tmp_path / "a.json", "point") == read_labels(tmp_path / "a.json") == _labels()


OTHER_LABELS = {
    "no object": ("annotations", [3], "item 1 of its annotations is no object; is it the right file"),
    "a text as image": ("images", ["a.png"], "item 1 of its images is no object with an integer as id; is it the"),
    "no category id": ("categories", [{"name": "a"}], "item 1 of its categories is no object with an integer as id"),
    "no id": ("annotations", [{"image_id": 1}], "annotation None has id None, no integer; is it the right file"),
    "a text as id": ("annotations", [{"id": "5", "image_id": 1}], "annotation '5' has id '5', no integer"),
    "a list as image": ("annotations", [{"id": 5, "image_id": [1]}], r"annotation 5 has image_id \[1\], no integer"),
    "other images": ("images", [{"id": 1}], "annotation 3 has image_id 2, which is not in the file; make"),
    "other categories": ("categories", [{"id": 8}], "annotation 3 has category_id 7, which is not in the file"),
}


@pytest.mark.parametrize("kind", OTHER_LABELS)
def test_labels_of_another_form(tmp_path: Path, kind: str) -> None:
    key, items, said = OTHER_LABELS[kind]
    write_coco(tmp_path / "a.json", _labels() | {key: items})
    with pytest.raises(InputError, match=rf"a\.json: {said}"):
        read_labels(tmp_path / "a.json", "point")


@pytest.mark.parametrize("key", [key for key in MEANINGS if key != "point"])
def test_labels_of_another_kind(tmp_path: Path, key: str) -> None:
    write_coco(tmp_path / "a.json", _labels())
    with pytest.raises(InputError, match=rf"annotation 3 has no {key}; is it the right file\? A file of .* is exp"):
        read_labels(tmp_path / "a.json", "point", key)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found"):
        read_coco(tmp_path / "none.json")
