"""wssis join: COCO files of other images as one."""

from pathlib import Path
from typing import Any

import pytest
from convert_fixtures import H, W, coco_points, converted, written

from wssis.cli import main
from wssis.formats.coco import read_coco


def _file(path: Path, number: int, image: str, **category: Any) -> Path:
    content = coco_points({"point": [7, 3]}, **category)
    content["images"] = [{"id": number, "file_name": image, "width": W, "height": H}]
    content["annotations"][0] |= {"id": number, "image_id": number}
    return written(path, content)


def _join(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["join", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_files_are_put_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = _file(tmp_path / "one.json", 4, "a.png"), _file(tmp_path / "two.json", 9, "b.png")
    assert _join(one, two, "--out", tmp_path / "both.json") == 0
    assert "2 annotations on 2 images" in capsys.readouterr().out
    both = read_coco(tmp_path / "both.json")
    assert [image["file_name"] for image in both["images"]] == ["a.png", "b.png"]
    assert [point["image_id"] for point in both["annotations"]] == [4, 9]
    assert both["categories"] == read_coco(one)["categories"]
    rest, _ = converted("points", "coco-points", tmp_path / "both.json", without=(one,))
    assert rest["images"] == read_coco(two)["images"] and rest["annotations"] == read_coco(two)["annotations"]


def test_clashes_are_refused_all_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = _file(tmp_path / "one.json", 4, "a.png")
    two = _file(tmp_path / "two.json", 4, "a.png", name="rod")
    assert _join(one, two, "--out", tmp_path / "both.json") == 2
    error = capsys.readouterr().err
    for part in ("two.json: its categories {7: 'rod'", "file_name 'a.png' of its images is also in",
                 "id 4 of its images is also in", "id 4 of its annotations is also in", "--first-id"):  # fmt: skip
        assert part in error
    assert not (tmp_path / "both.json").exists()
    assert _join(one, one, "--out", tmp_path / "both.json") == 2
    assert "two files or more, each once" in capsys.readouterr().err


def test_clashes_beyond_the_first_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [_file(tmp_path / f"{number}.json", 4, f"{number}.png") for number in range(15)]
    assert _join(*files, "--out", tmp_path / "all.json") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21 and lines[-1] == "... and 8 more of the like", "14 ids of images and 14 of annotations"


def _changed(path: Path, part: str, **values: Any) -> Path:
    """The file with other values of its first image or annotation, or (`item`) with another thing in its place."""
    content = read_coco(path)
    content[part][0] = values["item"] if "item" in values else {**content[part][0], **values}
    return written(path, content)


@pytest.mark.parametrize(
    ("part", "values", "reason"),
    [
        ("images", {"item": [1]}, "images must be a list of objects"),
        ("images", {"id": "9"}, "image '9': the id must be an integer"),
        ("images", {"id": [9]}, "image [9]: the id must be an integer"),
        ("annotations", {"image_id": 77}, "annotation 9: unknown image_id 77"),
        ("annotations", {"image_id": [9]}, "annotation 9: unknown image_id [9]"),
        ("annotations", {"bbox": [1, 1, float("nan"), 2]}, "annotation 9: a number is NaN or infinite; correct it"),
        ("annotations", {"segmentation": [[1, 1, 3, 1, 3, 3]]}, "one.json: holds points, and"),
    ],
)
def test_an_unsound_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], part: str, values: dict[str, Any], reason: str
) -> None:
    one, two = _file(tmp_path / "one.json", 4, "a.png"), _file(tmp_path / "two.json", 9, "b.png")
    val = _file(tmp_path / "val.json", 5, "c.png")
    assert _join(one, _changed(two, part, **values), "--without", val, "--out", tmp_path / "both.json") == 2
    said = capsys.readouterr().err
    assert reason in said and "two.json" in said and not (tmp_path / "both.json").exists()


def test_no_file_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = _file(tmp_path / "one.json", 4, "a.png"), _file(tmp_path / "two.json", 9, "b.png")
    val = _file(tmp_path / "val.json", 5, "b.png")
    before = [path.read_bytes() for path in (one, two, val)]
    for out in (one, two, tmp_path / "more/../two.json", val):
        assert _join(one, two, "--without", val, "--out", out) == 2
        assert "is a file to read, which must not be lost; give another --out" in capsys.readouterr().err
    assert [path.read_bytes() for path in (one, two, val)] == before


def test_what_is_to_be_left_out_needs_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = _file(tmp_path / "one.json", 4, "a.png"), _file(tmp_path / "two.json", 9, "b.png")
    val = _changed(_file(tmp_path / "val.json", 5, "b.png"), "images", item="b.png")
    assert _join(one, two, "--without", val, "--out", tmp_path / "both.json") == 2
    assert f"{val}: images must be a list of objects" in capsys.readouterr().err


def test_images_of_other_files_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything clashes: a corrected image may be in two files and among those to validate on."""
    one, two = _file(tmp_path / "one.json", 4, "a.png"), _file(tmp_path / "two.json", 9, "b.png")
    val = _file(tmp_path / "val.json", 4, "b.png")
    assert _join(one, two, val, "--without", val, "--out", tmp_path / "rest.json") == 0
    said = capsys.readouterr().out
    assert "1 annotations on 1 images" in said and "left out: 2 images that --without names" in said
    rest = read_coco(tmp_path / "rest.json")
    assert [image["file_name"] for image in rest["images"]] == ["a.png"]
    assert [point["image_id"] for point in rest["annotations"]] == [4]
    assert _join(one, two, "--without", one, "--without", two, "--out", tmp_path / "none.json") == 2
    assert "leaves no image" in capsys.readouterr().err and not (tmp_path / "none.json").exists()
