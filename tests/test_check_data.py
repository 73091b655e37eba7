"""Bad annotations of every kind on disk: all problems at once, each with file, id and remedy; and the command."""

import json
import re
from pathlib import Path

import pytest
from data_fixtures import Data, assert_found, check, masks, picture, points
from typer.testing import CliRunner

from wssis.checking.check import Checked, check_parts
from wssis.checking.parts import Part
from wssis.cli import app
from wssis.errors import InputError


@pytest.fixture
def data(tmp_path: Path) -> Data:
    """A sound data set."""
    return Data(tmp_path)


def test_sound_data(data: Data) -> None:
    checked = check(data)
    assert checked.problems == []
    assert [(one.kind, one.item) for one in checked.warnings] == [("class with few masks", "category 3 (cell)")]


def test_permissions(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> bytes:
        raise PermissionError(path)

    data.write()
    monkeypatch.setattr(Path, "read_bytes", refused)
    checked = check(data, write=False)
    assert_found(checked, r"annotations\.json: may not be read; correct its permissions")
    with monkeypatch.context() as patch:
        patch.setattr("wssis.checking.parts.read_given", lambda path, images_alone: data.content)
        assert_found(check(data, write=False), r"a\.png: image 7 of train: may not be read; correct the permissions")


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "0 bytes": (b"", "is empty, 0 bytes; export the file again"),
    "cut in half": (json.dumps(masks()).encode()[:150], r"not readable as JSON \(.*\); export the file again"),
    "list": (b"[1, 2]", "holds a list, no object with images; a COCO instances file is expected"),
    "number": (b"3", "holds a single value, no object with images; a COCO"),
    "latin-1": (json.dumps({"images": "ä"}, ensure_ascii=False).encode("latin-1"), "is not in UTF-8, .*; save it as"),
    "UTF-16": (json.dumps(masks()).encode("utf-16"), "is not in UTF-8, as JSON must be; save it as UTF-8"),
    "no list of images": (b'{"annotations": [], "categories": []}', 'has no list "images"; a COCO'),
    "dict for annotations": (b'{"images": [], "annotations": {}, "categories": []}', 'has no list "annotations"; a'),
    "numbers for images": (
        b'{"images": [5], "annotations": [], "categories": []}', "images must be a list of objects; a COCO"
    ),
    "depth": (b"[" * 10**5, r"not readable as JSON \(.*\); export the file again"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_annotation_file(data: Data, kind: str) -> None:
    content, expected = BAD_FILES[kind]
    data.annotations.write_bytes(content)
    assert_found(check(data, write=False), rf"annotations\.json: {expected}")


def test_annotations_that_are_not_there(data: Data) -> None:
    assert_found(check(data, write=False), r"annotations\.json: annotation file not found; correct the path")
    data.annotations.mkdir()
    assert_found(check(data, write=False), r"annotations\.json: is a folder; name the annotation file in it")


def test_byte_order_mark_is_read(data: Data) -> None:
    data.annotations.write_bytes(b"\xef\xbb\xbf" + json.dumps(masks()).encode())
    assert check(data, write=False).problems == []


def test_everything_at_once(data: Data) -> None:
    """Annotation problems do not hide those of images, nor a part that cannot be read those of another."""
    data.content["annotations"][0]["category_id"] = 99
    data.content["images"][0]["width"] = 0
    (data.images / "a.png").write_bytes(b"")
    (data.images / "b.jpg").unlink()
    data.write()
    val = Part("val", data.annotations.with_name("val.json"), data.images.with_name("nowhere"))
    checked = check_parts("mine", [Part("train", data.annotations, data.images), val])
    for expected in (
        "annotation 17: unknown category_id 99", "image 7: width 0", "a.png: image 7 of train: is empty",
        "b.jpg: image 8 of train: missing", "val.json: annotation file not found", "nowhere: is no folder",
    ):  # fmt: skip
        assert_found(checked, re.escape(expected))
    assert len(checked.problems) == 6
    assert checked.notes[-1].startswith("classes and splits")


def test_categories_of_the_parts_agree(data: Data) -> None:
    data.write()
    other = masks() | {"categories": [{"id": 3, "name": "nucleus"}, {"id": 4, "name": "cell"}]}
    val = data.annotations.with_name("val.json")
    val.write_text(json.dumps(other))
    checked = check_parts("mine", [Part("train", data.annotations, data.images), Part("val", val, data.images)])
    expected = r"val\.json: category 3: 'nucleus' is called 'cell' in .*annotations\.json; make both lists equal"
    assert_found(checked, expected)
    assert_found(checked, r"val\.json: category 4: 'cell' is missing in .*annotations\.json; make both lists equal")


WEAK = {9: "c.png"}
BAD_POINTS: dict[str, tuple[dict[str, object], str]] = {
    "left": ({"point": [-0.6, 3]}, r"point \[-0\.6, 3\], in pixel indices, lies outside its image of 40 x 30; move it"),
    "right": ({"point": [39.5, 3]}, r"point \[39\.5, 3\], in pixel indices, lies outside"),
    "below": ({"point": [3, 29.5]}, r"point \[3, 29\.5\], in pixel indices, lies outside"),
    "none": ({"point": None}, "point None is not two finite numbers x, y; set it again"),
    "three numbers": ({"point": [1, 2, 3]}, r"point \[1, 2, 3\] is not two finite"),
    "text": ({"point": ["1", 2]}, r"point \['1', 2\] is not two finite"),
    "true": ({"point": [True, 2]}, r"point \[True, 2\] is not two finite"),
    "NaN": ({"point": [float("nan"), 2]}, r"point \[nan, 2\] is not two finite"),
    "no category": ({"category_id": None}, "unknown category_id None; add the category"),
    "mask": ({"segmentation": [[1, 1, 5, 1, 5, 5]]}, "has a segmentation in a file of points; leave the mask out, or"),
}


def _half_labelled(data: Data, weak: dict[str, object], unlabelled: dict[str, object] | None = None) -> Checked:
    data.write()
    picture(9).save(data.images / "c.png")
    picture(11).save(data.images / "d.png")
    parts = [Part("full", data.annotations, data.images)]
    for name, content, labels in (("weak", weak, "points"), ("unlabelled", unlabelled, "none")):
        if content is not None:
            data.annotations.with_name(f"{name}.json").write_text(json.dumps(content))
            parts.append(Part(name, data.annotations.with_name(f"{name}.json"), data.images, labels))
    return check_parts("mine", parts)


@pytest.mark.parametrize("kind", BAD_POINTS)
def test_bad_point(data: Data, kind: str) -> None:
    values, expected = BAD_POINTS[kind]
    weak = points(WEAK)
    weak["annotations"][0].update(values)
    assert_found(_half_labelled(data, weak), rf"weak\.json: annotation 19: {expected}")


def test_sound_half_labelled_data(data: Data) -> None:
    weak = points(WEAK)
    weak["annotations"][0]["point"] = [-0.5, 29.49]
    checked = _half_labelled(data, weak, masks({10: "d.png"}) | {"annotations": []})
    assert checked.problems == []
    assert list(checked.parts) == ["full", "weak", "unlabelled"]


def test_an_image_in_two_parts(data: Data) -> None:
    checked = _half_labelled(data, points({9: "c.png", 10: "./a.png"}))
    expected = r"weak\.json: image 10: 'a\.png' is also image 7 of .*annotations\.json; a picture has one kind of label"
    assert_found(checked, expected)


def test_unlabelled_images_have_no_annotations(data: Data) -> None:
    checked = _half_labelled(data, points(WEAK), masks({10: "d.png"}))
    expected = r"unlabelled\.json: has 1 annotations, though its images are given as unlabelled; leave them out"
    assert_found(checked, expected)


def _run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["check-data", "--workers", "0", *map(str, arguments)])
    return done.exit_code, str(done.exception) if isinstance(done.exception, InputError) else done.output


def test_command(data: Data) -> None:
    data.write()
    code, text = _run(data.annotations, "--image-dir", data.images)
    assert code == 0 and text.startswith("annotations.json: no problems, 1 warning\n")
    assert "warnings:\n  class with few masks (1)\n" in text
    for n in range(20, 26):
        data.content["annotations"].append({"id": n, "image_id": 7, "category_id": 9, "segmentation": [[1, 1, 5, 5]]})
    data.write()
    code, text = _run(data.annotations, "--image-dir", data.images)
    assert code == 1 and "  unknown category (6)\n" in text
    assert text.count("unknown category_id 9") == 3 and "    ... and 3 more of the like\n" in text
    code, text = _run(data.annotations, "--image-dir", data.images, "--all")
    assert code == 1 and text.count("unknown category_id 9") == 6 and "of the like" not in text


def test_command_as_json(data: Data) -> None:
    data.image(file_name="../a.png")
    data.write()
    code, text = _run(data.annotations, "--image-dir", data.images, "--json")
    assert code == 1
    (found,) = json.loads(text)["data_sets"]
    (problem,) = found["problems"]
    assert problem["item"] == "image 7" and problem["file"] == str(data.annotations) and problem["remedy"]


def test_command_wants_one_of_both(data: Data) -> None:
    assert "give annotation files and their image folders, or a study" in _run()[1]
    assert "the folder of the train images is not known; give --image-dir" in _run(data.annotations)[1]
    both = _run(data.annotations, "--image-dir", data.images, "--configfile", "a.yaml")
    assert "or a study by --configfile" in both[1]
