"""Labelling sessions without a page: actions, undo, resuming, outputs, times, and what is refused."""

import json
import random
from pathlib import Path

import pytest
import yaml
from annotate_fixtures import CATEGORIES, act, opened, request

from wssis.annotate.changes import Refused
from wssis.annotate.outputs import Files, Writer, seconds_text
from wssis.annotate.session import Outdated, Session
from wssis.annotate.timing import PAUSE, Clock
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
    assert yaml.safe_load(seconds_text(session)) == {}
    act(session, "finish", image=41)
    measured = yaml.safe_load(seconds_text(session))["report"]["cost"]["measured"]
    assert measured == {"image": 2.0, "point_first": 2.0, "point_more": 2.0}
