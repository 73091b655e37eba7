"""A labelling session's files: the journal that survives whatever happens, those that follow it, and the images."""

import json
from pathlib import Path

import numpy as np
import pytest
from annotate_fixtures import act, opened, request, served
from PIL import Image

from wssis.annotate import outputs
from wssis.annotate.image_content import shown
from wssis.annotate.outputs import Files
from wssis.annotate.running import run
from wssis.errors import InputError
from wssis.formats.coco import read_coco


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


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/weak\.journal\.jsonl: cannot be written \(.*\); give another --out"):
        opened(request(tmp_path, out=tmp_path / "file/weak.json"))


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


def test_images_that_no_study_takes_are_refused(tmp_path: Path) -> None:
    asked = request(tmp_path)
    Image.fromarray(np.full((40, 60), 60_000, np.uint16)).save(tmp_path / "images/deep.tif")
    with pytest.raises(InputError, match=r"deep\.tif: has more than 8 bits a channel .* convert it to 8 bits"):
        run(asked, finish=True)
    assert not asked.out.exists()


@pytest.mark.parametrize("out", ["labels", "labels.csv", "folder.json"])
def test_the_output_is_a_json_file(tmp_path: Path, out: str) -> None:
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match=r"--out is a COCO file, .*; give a name that ends in \.json"):
        run(request(tmp_path, out=tmp_path / out), finish=True)


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
