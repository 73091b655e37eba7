"""Labelling sessions over boxes: drawn points, their answers, and boxes that are refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from annotate_fixtures import BOXES, act, box_request, opened, write_json

from wssis.annotate.box_board import draw_points
from wssis.annotate.changes import Refused
from wssis.errors import InputError


def test_drawn_points_are_uniform_in_the_box_and_the_same_for_the_same_seed() -> None:
    points = np.array(draw_points([10, -5, 20, 15], 60, 40, 4000, (1, 5)))
    assert points.min(axis=0).tolist() >= [10, 0] and (points < [30, 10]).all()
    assert np.abs(points.mean(axis=0) - [20, 5]).max() < 0.3
    assert draw_points([10, -5, 20, 15], 60, 40, 7, (1, 5)) == points[:7].tolist()
    assert draw_points([10, -5, 20, 15], 60, 40, 7, (2, 5)) != points[:7].tolist()


def test_boxes_give_point_coords_and_point_labels(tmp_path: Path) -> None:
    asked = box_request(tmp_path)
    session = opened(asked)
    assert session.files()[0]["images"] == [{"id": 13, "file_name": "c.png", "width": 60, "height": 40}], "no boxes"
    boxes = session.board.content()["boxes"]
    assert [box["bbox"] for box in boxes] == BOXES and [box["image"] for box in boxes] == [11, 11, 12]
    for place, answer in enumerate((1, 0, 1)):
        act(session, "answer", id=7, place=place, answer=answer)
    act(session, "answer", id=5, place=0, answer=1)
    weak, rest = session.files()
    assert weak["annotations"] == [{
        "id": 7, "image_id": 12, "category_id": 7, "bbox": BOXES[2],
        "point_coords": boxes[2]["points"], "point_labels": [1, 0, 1],
    }]  # fmt: skip
    assert [image["id"] for image in weak["images"]] == [12, 13] and [i["id"] for i in rest["images"]] == [11]
    x, y = np.array(boxes[2]["points"]).T
    assert (x >= 50).all() and (x < 60).all() and (y >= 30).all() and (y < 40).all(), "in the box and in the image"
    act(session, "undo")
    act(session, "undo")
    assert [i["id"] for i in session.files()[0]["images"]] == [13]
    session.close()
    again = opened(asked)
    assert again.board.content()["boxes"][2]["answers"] == [1, 0, None]
    again.close()
    with pytest.raises(InputError, match="other --boxes"):
        opened(replace(asked, seed=5))
    with pytest.raises(InputError, match="other --boxes"):
        opened(replace(asked, boxes=None))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"bbox": [1, 2, 0, 4]}, "no part in"),
        ({"bbox": [60, 2, 3, 4]}, "no part in"),
        ({"bbox": [1, 2]}, "four numbers"),
        ({"bbox": [50, 30, 12, 5]}, "clip it"),
        ({"category_id": 99}, "unknown category_id"),
        ({"id": 6}, "id of its own"),
        ({"image_id": 77}, "not among IMAGES"),
    ],
)
def test_bad_boxes_are_refused(tmp_path: Path, change: dict, why: str) -> None:
    asked = box_request(tmp_path)
    content = json.loads(asked.boxes.read_text())
    content["annotations"][0] |= change
    write_json(asked.boxes, content)
    with pytest.raises(InputError, match=why):
        opened(asked)


@pytest.mark.parametrize("answer", [2, -1, True, "1"])
def test_an_answer_is_object_or_background(tmp_path: Path, answer: object) -> None:
    with pytest.raises(Refused, match="no answer"):
        act(opened(box_request(tmp_path)), "answer", id=5, place=0, answer=answer)
