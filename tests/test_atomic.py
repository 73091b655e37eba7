"""Atomic writing: whole or not at all."""

import json
from pathlib import Path

import pytest

from wssis.errors import InputError
from wssis.formats.atomic import (
    refuse_overwriting,
    temporary_folder,
    temporary_path,
    write_bytes,
    write_json,
    write_text,
)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_text_bytes_and_json(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "a.txt", "ä\n")
    write_bytes(tmp_path / "b", b"\0")
    write_json(tmp_path / "c.json", {"b": 1, "a": [2, None]})
    assert (tmp_path / "new" / "a.txt").read_bytes() == "ä\n".encode()
    assert (tmp_path / "b").read_bytes() == b"\0"
    assert (tmp_path / "c.json").read_text() == '{"b":1,"a":[2,null]}\n'
    assert _names(tmp_path) == ["b", "c.json", "new"]


def test_error_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    write_json(target, 1)
    with pytest.raises(RuntimeError), temporary_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert json.loads(target.read_text()) == 1
    assert _names(tmp_path) == ["a.json"]


def test_folder_replaces_folder_whole(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    store.mkdir()
    (store / "old").touch()
    with temporary_folder(store, lambda folder: folder == store) as temporary:
        (temporary / "c").mkdir(parents=True)
        (temporary / "c" / "0").write_text("x")
        assert _names(store) == ["old"]
    assert _names(store) == ["c"]
    assert _names(tmp_path) == ["a.zarr"]


def test_leftover_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    with temporary_folder(tmp_path / "a.zarr", bool) as temporary:
        left_over = temporary
        temporary.mkdir()
    left_over.mkdir()
    (left_over / "half").touch()
    with temporary_folder(tmp_path / "a.zarr", bool) as temporary:
        assert not temporary.exists()
        temporary.mkdir()
    assert list((tmp_path / "a.zarr").iterdir()) == []


def test_keeps_the_suffix(tmp_path: Path) -> None:
    with temporary_path(tmp_path / "a.png") as temporary:
        assert temporary.suffix == ".png"
        temporary.touch()


def test_a_folder_in_the_place_of_a_file_stays(tmp_path: Path) -> None:
    """--out FOLDER where --out FOLDER/FILE was meant."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").write_text("precious")
    with pytest.raises(InputError, match="mine: is a folder; name the file"):
        write_text(tmp_path / "mine", "x")
    assert _names(tmp_path / "mine") == ["photo.jpg"] and _names(tmp_path) == ["mine"]


def test_a_folder_with_other_files_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with temporary_folder(tmp_path / "mine", lambda folder: False) as temporary:
        temporary.mkdir()
    (tmp_path / "mine" / "photo.jpg").write_text("precious")
    with pytest.raises(InputError, match="mine: holds files of another kind"):
        with temporary_folder(tmp_path / "mine", lambda folder: False) as temporary:
            temporary.mkdir()
    assert _names(tmp_path / "mine") == ["photo.jpg"]
    with pytest.raises(InputError, match="is a file"):
        with temporary_folder(tmp_path / "mine" / "photo.jpg", lambda folder: True) as temporary:
            temporary.mkdir()
    assert (tmp_path / "mine" / "photo.jpg").read_text() == "precious"


def test_nothing_is_written_over_its_source(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "a.json")
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(InputError, match=r"a\.json: is a file to read"):
        refuse_overwriting([tmp_path / "b.json", tmp_path / "link"], [tmp_path / "a.json"])
    refuse_overwriting([tmp_path / "b.json"], [tmp_path / "a.json"])


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), temporary_path(tmp_path / "a"):
        pass


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", float("nan"))
