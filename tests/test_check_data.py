"""Bad data of every kind on disk: all problems at once, each with file, id and remedy; and what is legal."""

import json
import os
import re
import resource
from pathlib import Path

import numpy as np
import pytest
from data_fixtures import Change, Data, masks, picture, points
from PIL import Image
from typer.testing import CliRunner

from wssis.checking.check import Checked, check_parts
from wssis.checking.parts import Part
from wssis.cli import app
from wssis.errors import InputError
from wssis.formats import image_check
from wssis.formats.image_files import read_image


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[image_check.ORIENTATION] = orientation
    return exif


def _truncated(data: Data) -> None:
    content = (data.images / "b.jpg").read_bytes()
    (data.images / "b.jpg").write_bytes(content[: len(content) // 2])


def _deep(data: Data) -> None:
    data.save(Image.fromarray(np.full((30, 40), 40_000, np.uint16)))


def _animated(data: Data) -> None:
    frames = [picture(seed) for seed in range(3)]
    frames[0].save(data.images / "a.gif", save_all=True, append_images=frames[1:])
    data.image(file_name="a.gif")


def _pages(data: Data) -> None:
    picture(1).save(data.images / "a.tif", save_all=True, append_images=[picture(2)])
    data.image(file_name="a.tif")


def _bomb(data: Data) -> None:
    """A 30,000 x 30,000 image of a few kB, of which the annotations know."""
    data.save(Image.new("1", (30_000, 30_000)))


def _secret_bomb(data: Data) -> None:
    Image.new("1", (30_000, 30_000)).save(data.images / "a.png")


def _folder_as_file(data: Data) -> None:
    (data.images / "a.png").unlink()
    (data.images / "a.png").mkdir()


def _loop(data: Data) -> None:
    (data.images / "a.png").unlink()
    (data.images / "a.png").symlink_to(data.images / "a.png")


def _dead_link(data: Data) -> None:
    (data.images / "a.png").unlink()
    (data.images / "a.png").symlink_to("/nowhere/a.png")


def _pipe(data: Data) -> None:
    (data.images / "a.png").unlink()
    os.mkfifo(data.images / "a.png")


def _turned(data: Data) -> None:
    picture(7).save(data.images / "b.jpg", exif=_exif(6))
    data.content["images"][1].update(width=30, height=40)
    data.content["annotations"][1]["segmentation"] = [[1, 1, 9, 1, 9, 9]]


BAD_IMAGES: dict[str, tuple[Change, str]] = {
    "missing": (lambda d: (d.images / "a.png").unlink(), r"a\.png: image 7 of train: missing; put it there"),
    "missing folder": (lambda d: d.image(file_name="no/a.png"), r"no/a\.png: image 7 of train: missing; put it"),
    "file as folder": (lambda d: d.image(file_name="b.jpg/a.png"), r"jpg/a\.png: image 7 of train: missing; put"),
    "other case": (
        lambda d: d.image(file_name="A.PNG"), r"A\.PNG: image 7 of train: missing, but there is 'a\.png'.*; rename one"
    ),
    "accents in another form": (
        lambda d: (picture(1).save(d.images / "caf\u00e9.png"), d.image(file_name="cafe\u0301.png")),
        r"image 7 of train: missing, but there is 'café\.png'.*; rename one",
    ),
    "folder": (_folder_as_file, r"a\.png: image 7 of train: is a folder; name the image in it"),
    "pipe": (_pipe, r"a\.png: image 7 of train: is no regular file; put the image itself there"),
    "loop of links": (_loop, r"a\.png: image 7 of train: cannot be read \(Too many.*\); put the image itself there"),
    "link to nothing": (_dead_link, r"a\.png: image 7 of train: is a symbolic link to nothing; mend the link"),
    "zero bytes": (
        lambda d: (d.images / "a.png").write_bytes(b""), r"a\.png: image 7 of train: is empty, 0 bytes; copy it again"
    ),
    "text": (
        lambda d: (d.images / "b.jpg").write_text("no image"),
        r"b\.jpg: image 8 of train: is no image that can be read \(it begins with b'no image'\); copy it again",
    ),
    "truncated": (_truncated, r"b\.jpg: image 8 of train: unreadable or truncated .*; copy it again"),
    "other size": (
        lambda d: d.image(width=41), r"a\.png: image 7 of train: is 40 x 30 px, the annotations say 41 x 30; correct"
    ),
    "size after EXIF": (
        _turned, r"b\.jpg: image 8 of train: is 40 x 30 .* say 30 x 40: the size after its EXIF .* \(6\).*; turn the"
    ),
    "16 bits": (_deep, r"a\.png: image 7 of train: has more than 8 bits a channel \(mode I;16\).*; save it with 8"),
    "floats": (
        lambda d: d.save(Image.fromarray(np.ones((30, 40), np.float32)), "a.tif"),
        r"a\.tif: image 7 of train: has more than 8 bits a channel \(mode F\)",
    ),
    "animation": (_animated, r"a\.gif: image 7 of train: holds 3 frames or pages; save the one that is annotated"),
    "pages": (_pages, r"a\.tif: image 7 of train: holds 2 frames or pages; save the one"),
    "bomb": (_bomb, r"a\.png: image 7 of train: is .* px, more than 89 million; cut it into tiles"),
    "bomb of another size": (_secret_bomb, r"a\.png: image 7 of train: is .* px, more than 89 million; cut it into"),
}  # fmt: skip


def _check(data: Data, write: bool = True) -> Checked:
    if write:
        data.write()
    return check_parts("mine", [Part("train", data.annotations, data.images)])


def _found(checked: Checked, expected: str) -> None:
    found = [one for one in checked.problems if re.search(expected, str(one))]
    assert found, checked.problems
    assert all(one.file and one.kind and one.remedy for one in found)


@pytest.fixture
def data(tmp_path: Path) -> Data:
    """A sound data set."""
    return Data(tmp_path)


def test_sound_data(data: Data) -> None:
    checked = _check(data)
    assert checked.problems == []
    assert [(one.kind, one.item) for one in checked.warnings] == [("class with few masks", "category 3 (cell)")]


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_bad_image(data: Data, kind: str) -> None:
    change, expected = BAD_IMAGES[kind]
    change(data)
    _found(_check(data), expected)


def test_bombs_are_not_decoded(data: Data) -> None:
    _bomb(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert _check(data).problems
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 400_000, "30,000 x 30,000 px of RGB are 2.6 GB"


def test_a_file_too_large_is_not_read(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_check, "LARGEST_FILE", 100)
    _found(_check(data), r"a\.png: image 7 of train: has 0\.0 GiB, more than any image .*; cut it into tiles")


def test_permissions(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> bytes:
        raise PermissionError(path)

    data.write()
    monkeypatch.setattr(Path, "read_bytes", refused)
    checked = _check(data, write=False)
    _found(checked, r"annotations\.json: may not be read; correct its permissions")
    with monkeypatch.context() as patch:
        patch.setattr("wssis.checking.parts.read_given", lambda path, images_alone: data.content)
        _found(_check(data, write=False), r"a\.png: image 7 of train: may not be read; correct the permissions")


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
    _found(_check(data, write=False), rf"annotations\.json: {expected}")


def test_annotations_that_are_not_there(data: Data) -> None:
    _found(_check(data, write=False), r"annotations\.json: annotation file not found; correct the path")
    data.annotations.mkdir()
    _found(_check(data, write=False), r"annotations\.json: is a folder; name the annotation file in it")


def test_byte_order_mark_is_read(data: Data) -> None:
    data.annotations.write_bytes(b"\xef\xbb\xbf" + json.dumps(masks()).encode())
    assert _check(data, write=False).problems == []


LEGAL: dict[str, Change] = {
    "palette": lambda d: d.save(picture(1).quantize(8)),
    "palette with transparency": lambda d: d.save(picture(1).quantize(8), transparency=3),
    "grey": lambda d: d.save(picture(1).convert("L")),
    "grey with transparency": lambda d: d.save(picture(1).convert("LA")),
    "black and white": lambda d: d.save(picture(1).convert("1")),
    "RGBA": lambda d: d.save(picture(1).convert("RGBA")),
    "CMYK": lambda d: d.save(picture(1).convert("CMYK"), "a.jpg"),
    "WebP": lambda d: d.save(picture(1), "a.webp"),
    "GIF of one frame": lambda d: d.save(picture(1), "a.gif"),
    "EXIF that does not turn": lambda d: d.save(picture(1), "a.jpg", exif=_exif(1)),
    "broken EXIF": lambda d: d.save(picture(1), "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"),
    "spaces": lambda d: d.save(picture(1), " a  b .png"),
    "unicode": lambda d: d.save(picture(1), "Zelle ü 細胞.png"),
    "percent and hash": lambda d: d.save(picture(1), "a%20#1?.png"),
    "wrong suffix": lambda d: d.save(picture(1), "a.jpg", format="png"),
}


@pytest.mark.parametrize("kind", LEGAL)
def test_legal_image_is_what_training_reads(data: Data, kind: str) -> None:
    LEGAL[kind](data)
    assert _check(data).problems == []
    seen = _seen(data)
    pixels = read_image(data.images, seen.row)
    assert pixels.shape == (30, 40, 3) and pixels.dtype == np.uint8
    small = Image.fromarray(pixels).convert("L").resize((16, 16), Image.Resampling.BOX)
    assert small.tobytes() == seen.thumbnail


def _seen(data: Data) -> image_check.SeenImage:
    image = data.content["images"][0]
    expected = image_check.ExpectedImage("train", 7, image["file_name"], data.images, (image["width"], image["height"]))
    seen = image_check.check_image(expected)
    assert isinstance(seen, image_check.SeenImage), seen
    return seen


@pytest.mark.parametrize("size", [(1, 1), (30_000, 1), (1, 30_000)])
def test_odd_sizes_are_legal(data: Data, size: tuple[int, int]) -> None:
    data.save(Image.new("RGB", size))
    corner = {"size": [size[1], size[0]], "counts": [0, 1, size[0] * size[1] - 1]}
    data.content["annotations"][0]["segmentation"] = corner
    assert _check(data).problems == []
    assert read_image(data.images, _seen(data).row).shape == (size[1], size[0], 3)


def test_links_out_of_the_folder_are_followed(data: Data, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (data.images / "a.png").rename(tmp_path / "elsewhere" / "x.png")
    (data.images / "a.png").symlink_to(tmp_path / "elsewhere" / "x.png")
    assert _check(data).problems == []


def test_random_damage_never_escapes(data: Data) -> None:
    """Whatever a reader raises on a damaged file is a problem of that file, or the file can still be read."""
    rng = np.random.default_rng(0)
    for name in ("a.png", "a.jpg", "a.gif", "a.webp", "a.tif", "a.bmp"):
        data.save(picture(1), name)
        sound = (data.images / name).read_bytes()
        for _ in range(40):
            damaged = np.frombuffer(sound, np.uint8).copy()
            damaged[rng.integers(0, min(len(sound), 200), 4)] = rng.integers(0, 255, 4)
            (data.images / name).write_bytes(damaged.tobytes())
            expected = image_check.ExpectedImage("train", 7, name, data.images, (40, 30))
            found = image_check.check_image(expected)
            assert isinstance(found, image_check.SeenImage) or found.item == "image 7 of train"


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
        _found(checked, re.escape(expected))
    assert len(checked.problems) == 6
    assert checked.notes[-1].startswith("classes and splits")


def test_categories_of_the_parts_agree(data: Data) -> None:
    data.write()
    other = masks() | {"categories": [{"id": 3, "name": "nucleus"}, {"id": 4, "name": "cell"}]}
    val = data.annotations.with_name("val.json")
    val.write_text(json.dumps(other))
    checked = check_parts("mine", [Part("train", data.annotations, data.images), Part("val", val, data.images)])
    _found(checked, r"val\.json: category 3: 'nucleus' is called 'cell' in .*annotations\.json; make both lists equal")
    _found(checked, r"val\.json: category 4: 'cell' is missing in .*annotations\.json; make both lists equal")


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
    _found(_half_labelled(data, weak), rf"weak\.json: annotation 19: {expected}")


def test_sound_half_labelled_data(data: Data) -> None:
    weak = points(WEAK)
    weak["annotations"][0]["point"] = [-0.5, 29.49]
    checked = _half_labelled(data, weak, masks({10: "d.png"}) | {"annotations": []})
    assert checked.problems == []
    assert list(checked.parts) == ["full", "weak", "unlabelled"]


def test_an_image_in_two_parts(data: Data) -> None:
    checked = _half_labelled(data, points({9: "c.png", 10: "./a.png"}))
    expected = r"weak\.json: image 10: 'a\.png' is also image 7 of .*annotations\.json; a picture has one kind of label"
    _found(checked, expected)


def test_unlabelled_images_have_no_annotations(data: Data) -> None:
    checked = _half_labelled(data, points(WEAK), masks({10: "d.png"}))
    _found(checked, r"unlabelled\.json: has 1 annotations, though its images are given as unlabelled; leave them out")


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
