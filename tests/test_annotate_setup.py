"""What a labelling session begins and goes on with: images, ids, classes, given points, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from annotate_fixtures import CATEGORIES, FULL, act, opened, request, write_images, write_json

from wssis.annotate.given import find_files, new_setup
from wssis.annotate.outputs import Files, Writer
from wssis.annotate.running import run
from wssis.annotate.session import Session
from wssis.errors import InputError
from wssis.formats.coco import read_coco


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


def test_a_list_that_would_be_overwritten_is_refused(tmp_path: Path) -> None:
    listed = write_json(tmp_path / "weak.unlabelled.json", {"images": [{"id": 4, "file_name": "a.png"}]})
    with pytest.raises(InputError, match=r"weak\.unlabelled\.json: was given, and would be overwritten; give another"):
        opened(request(tmp_path, images_from=listed))
    assert len(opened(request(tmp_path, images_from=listed, out=tmp_path / "b.json")).setup.images) == 1


def test_images_with_masks_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_images(tmp_path / "images", ["a.png", "masked.png"])
    session = opened(request(tmp_path))
    assert [image.file_name for image in session.setup.images] == ["a.png"]
    assert "1 images left out" in capsys.readouterr().out


def test_links_to_images_have_the_names_of_the_links(tmp_path: Path) -> None:
    write_images(tmp_path / "store", ["77.png", "78.png"])
    (tmp_path / "images").mkdir()
    (tmp_path / "images/masked.png").symlink_to(tmp_path / "store/77.png")
    (tmp_path / "images/a.png").symlink_to(tmp_path / "store/78.png")
    session = opened(request(tmp_path))
    assert [image.file_name for image in session.setup.images] == ["a.png"], "the other one has masks"


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


def _names(session: Session) -> list[str]:
    session.close()
    return [image.file_name for image in session.setup.images]


def test_what_was_left_out_does_not_join_when_the_options_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Neither with --finish nor with the page; with the options, what is new joins."""
    write_images(tmp_path / "images", ["a.png", "b.png", "masked.png"])
    rows = [{"id": n, "file_name": name} for n, name in ((50, "a.png"), (40, "masked.png"))]
    listed = write_json(tmp_path / "list.json", {"images": rows})
    asked = request(tmp_path, images_from=listed)
    bare = replace(asked, categories=None, images_from=None)
    assert _names(opened(asked)) == ["a.png"]
    run(bare, finish=True)
    assert "2 images of IMAGES are not in this session; --finish takes up none" in capsys.readouterr().out
    assert [image["id"] for image in read_coco(Files(asked.out).unlabelled)["images"]] == [50]
    for less, missing in (
        (bare, "--categories and --images-from"), (replace(asked, categories=None), "--categories"),
        (replace(asked, images_from=None), "--images-from"),
    ):  # fmt: skip
        assert _names(opened(less)) == ["a.png"]
        assert f"none joins: give {missing} again" in capsys.readouterr().out
    write_json(listed, {"images": [*rows, {"id": 60, "file_name": "b.png"}]})
    run(asked, finish=True)
    assert _names(opened(bare)) == ["a.png"]
    assert _names(opened(asked)) == ["a.png", "b.png"]


def test_options_that_come_later_are_remembered_too(tmp_path: Path) -> None:
    asked = request(tmp_path, categories=None, classes=("bar",))
    assert len(_names(opened(asked))) == 3
    write_images(tmp_path / "images", ["masked.png"])
    full = write_json(tmp_path / "full.json", {**FULL, "categories": [{"id": 1, "name": "bar"}]})
    assert len(_names(opened(replace(asked, classes=(), categories=full)))) == 3
    assert len(_names(opened(asked))) == 3, "masked.png may still have masks"


@pytest.mark.parametrize("left_out", [0, 1])
def test_older_journals_do_not_tell_the_options(tmp_path: Path, left_out: int) -> None:
    asked = request(tmp_path)
    opened(asked).close()
    head, *lines = Files(asked.out).journal.read_text().splitlines()
    old = {**json.loads(head), "left_out": left_out}
    del old["narrowed_by"]
    Files(asked.out).journal.write_text("\n".join([json.dumps(old), *lines, ""]))
    write_images(tmp_path / "images", ["d.png", "masked.png"])
    bare = replace(asked, categories=None)
    assert _names(opened(bare)) == ["a.png", "b.png", "c.png"]
    assert _names(opened(asked)) == ["a.png", "b.png", "c.png", "d.png"]


def test_a_longer_list_gives_its_ids(tmp_path: Path) -> None:
    """A new image has the id of the list; one that is not listed comes behind all ids, those of the masks included."""
    rows = [{"id": n, "file_name": name} for n, name in ((50, "a.png"), (77, "c.png"))]
    listed = [write_json(tmp_path / f"{n}.json", {"images": rows[:n]}) for n in (1, 2)]
    asked = request(tmp_path, images_from=listed[0])
    opened(asked).close()
    session = opened(replace(asked, images_from=listed[1]))
    assert {image.file_name: image.id for image in session.setup.images} == {"a.png": 50, "c.png": 77}
    session.close()
    for number, owner in ((50, r"a\.png of this session"), (40, r"masked\.png in .*full\.json")):
        # The list has another id for a.png now; the session keeps its own.
        names = {49: "a.png", 77: "c.png", number: "b.png"}
        more = write_json(tmp_path / "more.json", {"images": [{"id": n, "file_name": names[n]} for n in names]})
        with pytest.raises(InputError, match=rf"more\.json: b\.png has id {number}, which {owner} has; give"):
            opened(replace(asked, images_from=more))


def test_new_images_are_numbered_behind_masks_that_have_come_since(tmp_path: Path) -> None:
    asked = request(tmp_path)
    opened(asked).close()
    write_images(tmp_path / "images", ["d.png"])
    more = {"id": 90, "file_name": "elsewhere.png", "width": 60, "height": 40}
    write_json(asked.categories, {**FULL, "images": [*FULL["images"], more]})
    assert opened(asked).setup.images[-1].id == 91


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
                            {"id": 1, "image_id": 1, "category_id": 5, "point": [6, 1]},
                            {"id": 2, "image_id": [1], "category_id": 3, "point": [6, 1]},
                            {"id": 3, "image_id": 1, "category_id": [3], "point": [6, 1]}],
        })}, r"(?s)image 2 is not among.*outside a\.png.*unknown category_id 5.*its image \[1\].*category_id \[3\]"),
        ({"categories": write_json(tmp_path / "m.json", {
            **FULL, "images": [{"file_name": "masked.png"}]})}, r"m\.json: masked\.png has id None, not an integer"),
        ({"categories": write_json(tmp_path / "l.json", [1])}, r'l\.json: has no list "categories"; a COCO file'),
        ({"points": write_json(tmp_path / "q.json", {
            "images": [], "annotations": [], "categories": [{"id": 3, "name": "ring"}]})}, "make them agree"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=why):
            new_setup(replace(asked, **wrong), find_files(replace(asked, **wrong)))
    (tmp_path / "images/a.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"a\.png: unreadable"):
        new_setup(asked, find_files(asked))
