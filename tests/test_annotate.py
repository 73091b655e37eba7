"""Labelling sessions without a page: actions, undo, resuming, ids, outputs, times, and what is refused."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from annotate_fixtures import (
    BOXES,
    CATEGORIES,
    FULL,
    act,
    box_request,
    opened,
    request,
    served,
    write_images,
    write_json,
)
from PIL import Image

from wssis.annotate import outputs
from wssis.annotate.box_board import draw_points
from wssis.annotate.changes import Refused
from wssis.annotate.image_content import shown
from wssis.annotate.outputs import Files, Writer, seconds_text
from wssis.annotate.running import run
from wssis.annotate.session import Outdated, Session
from wssis.annotate.setup import find_files, new_setup
from wssis.annotate.timing import PAUSE, Clock
from wssis.errors import InputError
from wssis.formats.coco import read_coco
from wssis.predicting.clicks import read_clicks


def test_a_session_writes_the_studys_own_form(tmp_path: Path) -> None:
    """a.png: two points; b.png: verified empty; c.png: a point, but not finished."""
    session = opened(request(tmp_path))
    a, b, c = (image.id for image in session.setup.images)
    assert (a, b, c) == (41, 42, 43), "images follow those that have masks"
    act(session, "add", image=a, category=7, x=10.123, y=-0.5)
    act(session, "add", image=a, category=3, x=59.4, y=39.2)
    act(session, "add", image=c, category=3, x=1, y=2)
    act(session, "finish", image=a)
    act(session, "finish", image=b)
    Writer(session, Files(tmp_path / "weak.json")).write()
    weak, rest = read_coco(tmp_path / "weak.json"), read_coco(tmp_path / "weak.unlabelled.json")
    size = {"width": 60, "height": 40}
    assert weak == {
        "images": [{"id": 41, "file_name": "a.png", **size}, {"id": 42, "file_name": "b.png", **size}],
        "annotations": [
            {"id": 91, "image_id": 41, "category_id": 7, "point": [10.12, -0.5]},
            {"id": 92, "image_id": 41, "category_id": 3, "point": [59.4, 39.2]},
        ],
        "categories": CATEGORIES,
    }
    assert rest["images"] == [{"id": 43, "file_name": "c.png", **size}] and rest["annotations"] == []


def test_its_file_is_read_by_convert_and_predict(tmp_path: Path) -> None:
    from wssis.cli import main

    session = opened(request(tmp_path))
    act(session, "add", image=41, category=7, x=10.12, y=3)
    act(session, "finish", image=41)
    Writer(session, Files(tmp_path / "weak.json")).write()
    copied = ["convert", "points", "coco-points", str(tmp_path / "weak.json"), "--out", str(tmp_path / "copy.json")]
    with pytest.raises(SystemExit) as ended:
        main([*copied, "--image-dir", str(tmp_path / "images")])
    assert not ended.value.code
    assert read_coco(tmp_path / "copy.json") == read_coco(tmp_path / "weak.json")
    (click,) = read_clicks(tmp_path / "weak.json", CATEGORIES)
    assert (click.id, click.image, click.category_id, click.point) == (91, "a.png", 7, (10.12, 3.0))


def _labels(session: Session) -> str:
    return json.dumps(session.board.content(), sort_keys=True)


def test_undo_and_redo_lead_through_every_state_also_after_a_restart(tmp_path: Path) -> None:
    asked = request(tmp_path)
    session = opened(asked)
    states = [_labels(session)]
    for do, more in (
        ("add", {"category": 3, "x": 1, "y": 1}), ("add", {"category": 7, "x": 2, "y": 2}), ("finish", {}),
        ("class", {"id": 91, "category": 7}), ("move", {"id": 92, "x": 5, "y": 6}), ("remove", {"id": 91}),
        ("reopen", {}),
    ):  # fmt: skip
        act(session, do, image=41, **more)
        states.append(_labels(session))
    assert len(set(states)) == len(states)
    for state in states[-2:3:-1]:
        act(session, "undo")
        assert _labels(session) == state
    session.close()
    session = opened(asked)
    assert _labels(session) == states[4]
    for state in states[3::-1]:
        act(session, "undo")
        assert _labels(session) == state
    with pytest.raises(Refused, match="nothing to undo"):
        act(session, "undo")
    for state in states[1:]:
        act(session, "redo")
        assert _labels(session) == state
    act(session, "undo")
    act(session, "add", image=42, category=3, x=0, y=0)
    with pytest.raises(Refused, match="nothing to redo"):
        act(session, "redo")


def test_ids_are_never_used_again(tmp_path: Path) -> None:
    session = opened(request(tmp_path))
    act(session, "add", image=41, category=3, x=1, y=1)
    act(session, "remove", image=41, id=91)
    (change,) = act(session, "add", image=41, category=3, x=1, y=1)
    assert change["item"] == 92


def test_any_play_of_actions_survives_a_restart(tmp_path: Path) -> None:
    asked, draw = request(tmp_path), random.Random(5)
    session = opened(asked)
    for _ in range(400):
        image = draw.choice((41, 42, 43))
        item = draw.choice([*session.board.content()["points"].get(str(image), {"1": 0})])
        do = draw.choice(("add", "add", "add", "move", "class", "remove", "finish", "reopen", "undo", "undo", "redo"))
        more = {"x": draw.uniform(0, 59), "y": draw.uniform(0, 39), "category": draw.choice((3, 7)), "id": int(item)}
        try:
            act(session, do, image=image, **more)
        except Refused:
            continue
    before, revision = _labels(session), session.revision
    assert session.board.labels() > 20
    session.close()
    again = opened(asked)
    assert (_labels(again), again.revision) == (before, revision)


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ({"do": "add", "image": 99, "category": 3, "x": 1, "y": 1}, "no image 99"),
        ({"do": "add", "image": 41, "category": 4, "x": 1, "y": 1}, "no class 4"),
        ({"do": "add", "image": 41, "category": 3, "x": 59.5, "y": 1}, "outside a.png"),
        ({"do": "add", "image": 41, "category": 3, "x": 1, "y": -0.51}, "outside a.png"),
        ({"do": "add", "image": 41, "category": 3, "x": float("nan"), "y": 1}, "no place"),
        ({"do": "add", "image": 41, "category": 3, "x": None, "y": 1}, "no place"),
        ({"do": "remove", "image": 41, "id": 5}, "no point 5"),
        ({"do": "reopen", "image": 41}, "not finished"),
        ({"do": "dance", "image": 41}, "no point"),
        ({"do": "redo"}, "nothing to redo"),
    ],
)
def test_actions_without_sense_are_refused(tmp_path: Path, action: dict, why: str) -> None:
    session = opened(request(tmp_path))
    before = session.revision
    with pytest.raises(Refused, match=why):
        act(session, **action)
    assert session.revision == before


def test_a_window_that_has_not_seen_the_latest_changes_nothing(tmp_path: Path) -> None:
    session = opened(request(tmp_path))
    first = {"do": "add", "image": 41, "category": 3, "x": 1, "y": 1, "revision": 0}
    session.act(first)
    with pytest.raises(Outdated):
        session.act({**first, "x": 2})
    assert session.board.labels() == 1
    assert [change["after"] for change in session.since(0)["changes"]] == [[3, 1, 1]]


def test_given_points_keep_their_ids_and_their_images_count_as_finished(tmp_path: Path) -> None:
    given = {
        "images": [{"id": 7, "file_name": "b.png", "width": 60, "height": 40}],
        "annotations": [{"id": 200, "image_id": 7, "category_id": 3, "point": [4.25, 5]}],
        "categories": CATEGORIES,
    }
    asked = request(tmp_path, categories=None, points=write_json(tmp_path / "clicks.json", given))
    session = opened(asked)
    assert {image.file_name: image.id for image in session.setup.images} == {"a.png": 8, "b.png": 7, "c.png": 9}
    weak, _ = session.files()
    assert weak["images"] == given["images"] and weak["annotations"] == given["annotations"]
    (change,) = act(session, "add", image=8, category=3, x=0, y=0)
    assert change["item"] == 201


def test_going_on_from_a_file_without_its_journal_must_be_said(tmp_path: Path) -> None:
    asked = request(tmp_path)
    session = opened(asked)
    act(session, "add", image=42, category=3, x=4, y=5)
    act(session, "finish", image=42)
    Writer(session, Files(asked.out)).write()
    session.close()
    Files(asked.out).journal.unlink()
    with pytest.raises(InputError, match="--points"):
        opened(asked)
    weak, _ = opened(replace(asked, points=asked.out)).files()
    assert weak == read_coco(asked.out)


def test_images_and_ids_of_a_list(tmp_path: Path) -> None:
    images = [{"id": n, "file_name": f"{name}.png", "width": 60, "height": 40} for n, name in ((31, "c"), (30, "a"))]
    listed = write_json(tmp_path / "unlabelled.json", {"images": images, "annotations": [], "categories": []})
    session = opened(request(tmp_path, images_from=listed))
    assert [(image.id, image.file_name) for image in session.setup.images] == [(31, "c.png"), (30, "a.png")]


def test_images_with_masks_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_images(tmp_path / "images", ["a.png", "masked.png"])
    session = opened(request(tmp_path))
    assert [image.file_name for image in session.setup.images] == ["a.png"]
    assert "1 images left out" in capsys.readouterr().out


def test_new_images_and_classes_join_and_a_lost_image_is_named(tmp_path: Path) -> None:
    asked = request(tmp_path)
    opened(asked).close()
    write_images(tmp_path / "images", ["aa.png"])
    more = {**FULL, "categories": [*CATEGORIES, {"id": 8, "name": "star"}]}
    write_json(tmp_path / "full.json", more)
    session = opened(asked)
    assert [image.file_name for image in session.setup.images] == ["a.png", "b.png", "c.png", "aa.png"]
    act(session, "add", image=44, category=8, x=1, y=1)
    session.close()
    session = opened(replace(asked, categories=None))
    assert session.board.labels() == 1 and len(session.setup.images) == 4
    session.close()
    write_json(tmp_path / "full.json", {**FULL, "categories": [{"id": 3, "name": "ring"}, {"id": 7, "name": "bar"}]})
    with pytest.raises(InputError, match="3 'bar'"):
        opened(asked)
    write_json(tmp_path / "full.json", more)
    (tmp_path / "images/b.png").unlink()
    with pytest.raises(InputError, match=r"b\.png is gone"):
        opened(asked)


def _list(path: Path, name: str) -> Path:
    return write_json(path, {"images": [{"id": 1, "file_name": name}]})


def test_bad_input_is_one_error(tmp_path: Path) -> None:
    asked = request(tmp_path)
    for wrong, why in (
        ({"categories": None}, "which classes"),
        ({"classes": ("bar",)}, "give one of them"),
        ({"images": [tmp_path / "nowhere"]}, "no such file"),
        ({"categories": write_json(tmp_path / "none.json", {"categories": [], "images": []})}, "lists no categories"),
        ({"images_from": _list(tmp_path / "bad.json", "../a.png")}, "leaves"),
        ({"images_from": _list(tmp_path / "gone.json", "z.png")}, "missing"),
        ({"points": write_json(tmp_path / "p.json", {
            "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "z.png"}], "categories": CATEGORIES,
            "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "point": [60, 1]},
                            {"id": 1, "image_id": 1, "category_id": 5, "point": [6, 1]}],
        })}, r"(?s)image 2 is not among.*outside a\.png.*unknown category_id 5"),
        ({"points": write_json(tmp_path / "q.json", {
            "images": [], "annotations": [], "categories": [{"id": 3, "name": "ring"}]})}, "make them agree"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=why):
            new_setup(replace(asked, **wrong), find_files(replace(asked, **wrong)))
    (tmp_path / "images/a.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"a\.png: unreadable"):
        new_setup(asked, find_files(asked))


def test_a_torn_last_line_is_dropped_and_an_earlier_one_is_an_error(tmp_path: Path) -> None:
    asked = request(tmp_path)
    journal = Files(asked.out).journal
    session = opened(asked)
    for x in range(5):
        act(session, "add", image=41, category=3, x=x, y=0)
    session.close()
    whole = journal.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    for cut in range(1, last + 1):
        journal.write_bytes(whole[:-cut])
        session = opened(asked)
        assert session.board.labels() == 4
        act(session, "add", image=41, category=3, x=9, y=9)
        session.close()
        assert all(json.loads(line) for line in journal.read_bytes().splitlines())
    lines = whole.splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:3], lines[3][:9] + b"\n", *lines[4:]]))
    with pytest.raises(InputError, match="line 4 cannot be read"):
        opened(asked)
    for place in (2, len(lines)):  # A point that is moved was never put; a line without meaning.
        moved = json.dumps({"what": "point", "image": 41, "item": 5, "place": None, "before": [3, 1, 1], "after": None})
        strange = [moved[:-1] + ', "time": 5}\n', '{"what": "dance", "time": 5}\n', "{}\n"]
        for one in strange:
            journal.write_bytes(b"".join([*lines[:place], one.encode(), *lines[place:]]))
            with pytest.raises(InputError, match=f"line {place + 1} does not fit"):
                opened(asked)
    journal.write_bytes(b'{"something": "else"}\n')
    with pytest.raises(InputError, match="not written by this version"):
        opened(asked)


def test_a_second_process_is_refused_and_the_lock_goes_with_the_first(tmp_path: Path) -> None:
    asked = request(tmp_path)
    session = opened(asked)
    with pytest.raises(InputError, match="another process"):
        opened(asked)
    session.close()
    opened(asked).close()


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line is written before the disk is full; the journal is as it was, and goes on later."""
    asked = request(tmp_path)
    session = opened(asked)
    act(session, "add", image=41, category=3, x=1, y=1)
    before = Files(asked.out).journal.read_bytes()
    real = session._journal._write

    def half(text: bytes) -> None:
        real(text[: len(text) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session._journal, "_write", half)
    with pytest.raises(OSError, match="No space"):
        act(session, "add", image=41, category=3, x=2, y=2)
    assert Files(asked.out).journal.read_bytes() == before and session.board.labels() == 1
    monkeypatch.undo()
    act(session, "add", image=41, category=3, x=3, y=3)
    session.close()
    assert opened(asked).board.content()["points"]["41"] == {"91": [3, 1, 1], "92": [3, 3, 3]}


def test_files_follow_by_themselves_and_their_trouble_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "DELAY", 0.05)
    with served(request(tmp_path)) as one:
        assert read_coco(one.files.weak)["images"] == []
        act(one.session, "finish", image=42)
        _wait(lambda: len(read_coco(one.files.weak)["images"]) == 1)
        monkeypatch.setattr(outputs, "write_coco", _no_space)
        act(one.session, "finish", image=41)
        _wait(lambda: one.writer.problem is not None)
        assert "No space" in json.loads(one.ask("/changes?since=0")[1])["problem"]
        monkeypatch.undo()
        _wait(lambda: one.writer.problem is None)
    assert len(read_coco(one.files.weak)["images"]) == 2


def _no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


def _wait(condition, seconds: float = 10) -> None:
    import time

    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_finish_writes_and_ends(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    asked = request(tmp_path)
    session = opened(asked)
    act(session, "finish", image=42)
    session.close()
    run(asked, finish=True)
    assert [image["id"] for image in read_coco(asked.out)["images"]] == [42]
    assert "1 of 3 images finished, 0 points" in capsys.readouterr().out


def test_seconds_per_point_and_image() -> None:
    """Image 1: 5 s to the first bar, 2 s to the next, 3 s to Enter; image 2: lunch, then verified empty."""
    clock = Clock()
    clock.opened(0)
    clock.shown(100, 1)
    clock.acted(105, 1, "first")
    clock.acted(107, 1, "more")
    clock.acted(110, 1)
    clock.shown(110, 2)
    clock.acted(5000, 2)
    found = clock.measured({1, 2}, points=2, pairs=1)
    assert (found.point_first, found.point_more, found.seconds, clock.pauses) == (5, 2, 10 + PAUSE, 1)
    assert found.image == (3 + PAUSE) / 2
    assert clock.seconds_per_image({1}) == 10
    clock.opened(9000)
    clock.shown(9500, 1)
    assert clock.measured({1, 2}, 2, 1).seconds == 10 + PAUSE, "between two sessions nobody works"


def test_measured_seconds_are_a_study_file(tmp_path: Path) -> None:
    times = iter(range(0, 1000, 2))
    session = opened(request(tmp_path))
    session._now = lambda: next(times)
    session.clock.opened(0)
    session.shown(41)
    for category in (3, 3, 7):
        act(session, "add", image=41, category=category, x=1, y=1)
    assert "Nothing measured" in seconds_text(session)
    act(session, "finish", image=41)
    measured = yaml.safe_load(seconds_text(session))["report"]["cost"]["measured"]
    assert measured == {"image": 2.0, "point_first": 2.0, "point_more": 2.0}


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


def test_images_are_shown_as_training_reads_them(tmp_path: Path) -> None:
    """Files that a browser shows by itself go out as they are; others as PNG with the pixels of convert("RGB")."""
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 255, (5, 7, 3), dtype=np.uint8))
    deep = Image.fromarray(rng.integers(0, 400, (5, 7)).astype(np.uint16))
    alpha = Image.merge("RGBA", [*colour.split(), colour.split()[0]])
    for name, image, kind in (
        ("plain.png", colour, None), ("plain.jpg", colour, None), ("grey.png", colour.convert("L"), None),
        ("one.tif", colour, "image/png"), ("cmyk.jpg", colour.convert("CMYK"), "image/png"),
        ("deep.png", deep, "image/png"), ("alpha.png", alpha, "image/png"),
    ):  # fmt: skip
        path = tmp_path / name
        image.save(path)
        found, content = shown(path)
        if kind is None:
            assert content == path.read_bytes() and found == f"image/{'jpeg' if name.endswith('jpg') else 'png'}"
            continue
        (tmp_path / "converted.png").write_bytes(content)
        with Image.open(path) as stored, Image.open(tmp_path / "converted.png") as sent:
            assert found == kind and sent.mode == "RGB"
            assert np.array_equal(np.asarray(sent), np.asarray(stored.convert("RGB"))), name
    for name in ("plain.png", "plain.jpg", "cmyk.jpg"):
        torn = tmp_path / f"torn-{name}"
        torn.write_bytes((tmp_path / name).read_bytes()[:-30])
        with pytest.raises(InputError, match=torn.name):
            shown(torn)
