"""box_points.json is read and written as it is; what is wrong with it is named, with the remedy."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wssis.errors import InputError
from wssis.formats.box_points import box_points_problems, read_box_points, write_box_points
from wssis.formats.coco import write_coco


def sound() -> dict[str, Any]:
    """Two images of 9 x 6, the second empty; an object with three points, and one with a box alone."""
    return {
        "images": [{"id": number, "file_name": f"{number}.png", "width": 9, "height": 6} for number in (4, 5)],
        "annotations": [
            {
                "id": 1, "image_id": 4, "category_id": 3, "bbox": [1, 2.5, 4, 3.5],
                "point_coords": [[1, 2.5], [5, 6], [3.25, 4]], "point_labels": [0, 0, 1],
            },
            {"id": 2, "image_id": 4, "category_id": 7, "bbox": [0, 0, 9, 6], "point_coords": [], "point_labels": []},
        ],
        "categories": [{"id": 3, "name": "a"}, {"id": 7, "name": "b"}],
    }  # fmt: skip


def test_written_and_read(tmp_path: Path) -> None:
    write_box_points(tmp_path / "box_points.json", sound())
    assert read_box_points(tmp_path / "box_points.json") == sound()


Change = Callable[[dict[str, Any]], object]


def _first(**values: object) -> Change:
    return lambda coco: coco["annotations"][0].update(values)


PROBLEMS: list[tuple[Change, str]] = [
    (_first(segmentation=[[1, 1, 5, 1, 5, 5]]), "has segmentation; .* remove it"),
    (_first(area=12.0, iscrowd=0), "has area, iscrowd"),
    (_first(bbox=[1, 2, 0, 3]), "has no area"),
    (_first(bbox=[1, 2, -1, 3]), "negative side"),
    (_first(bbox=None), "not four finite numbers"),
    (_first(bbox=[5, 2, 6, 3]), "reaches out of its image of 9 x 6"),
    (_first(bbox=[-2, 2, 6, 3]), "reaches out of its image"),
    (_first(point_labels=[0, 1]), "lists of equal length"),
    (_first(point_labels=None), "lists of equal length"),
    (_first(point_labels=[0, 1, 2]), "must be 0 .* or 1"),
    (_first(point_labels=[0, 1, True]), "must be 0 .* or 1"),
    (_first(point_coords=[[1, 3], [2, 3], [float("nan"), 3]]), "pairs of finite numbers"),
    (_first(point_coords=[[1, 3], [2, 3], [2, 3, 4]]), "pairs of finite numbers"),
    (_first(point_coords=[[1, 3], [2, 3], [8, 3]]), r"point \[8, 3\] lies outside its bbox"),
    (_first(point_coords=[[1, 3], [2, 3], [2, 1]]), r"point \[2, 1\] lies outside its bbox"),
    (_first(image_id=9), "unknown image_id 9"),
    (_first(image_id=[4]), "unknown image_id"),
    (_first(category_id=4), "unknown category_id 4"),
    (_first(id=2), "occurs more than once"),
    (_first(id="1"), "must be an integer"),
    (lambda coco: coco["images"][0].update(width=0), "positive integers"),
    (lambda coco: coco["images"][0].update(file_name="../a.png"), "leaves the image folder"),
    (lambda coco: coco["annotations"].append(3), "must be a list of objects"),
]


@pytest.mark.parametrize(("change", "message"), PROBLEMS)
def test_problems_are_named(change: Change, message: str, tmp_path: Path) -> None:
    coco = copy.deepcopy(sound())
    change(coco)
    assert list(box_points_problems(coco))
    with pytest.raises(ValueError, match=message):
        write_box_points(tmp_path / "box_points.json", coco)
    assert not (tmp_path / "box_points.json").exists()


def test_reading_names_the_file(tmp_path: Path) -> None:
    coco = sound()
    _first(point_labels=[0, 1, 2], area=1)(coco)
    write_coco(tmp_path / "bad.json", coco)
    with pytest.raises(InputError, match=r"bad\.json: annotation 1: has area.*\n.*bad\.json: .*point_labels"):
        read_box_points(tmp_path / "bad.json")


def test_a_pixel_of_rounding_is_allowed() -> None:
    coco = sound()
    _first(bbox=[-0.5, 0, 10.4, 6.5], point_coords=[[10.5, -0.9]], point_labels=[1])(coco)
    assert list(box_points_problems(coco)) == []
