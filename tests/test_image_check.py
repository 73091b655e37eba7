"""Image files of every kind on disk: what is bad, with file, id and remedy, and what is legal."""

import os
import resource
from pathlib import Path

import numpy as np
import pytest
from data_fixtures import Change, Data, assert_found, check, picture
from PIL import Image

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


@pytest.fixture
def data(tmp_path: Path) -> Data:
    """A sound data set."""
    return Data(tmp_path)


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_bad_image(data: Data, kind: str) -> None:
    change, expected = BAD_IMAGES[kind]
    change(data)
    assert_found(check(data), expected)


def test_bombs_are_not_decoded(data: Data) -> None:
    _bomb(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert check(data).problems
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 400_000, "30,000 x 30,000 px of RGB are 2.6 GB"


def test_a_file_too_large_is_not_read(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_check, "LARGEST_FILE", 100)
    assert_found(check(data), r"a\.png: image 7 of train: has 0\.0 GiB, more than any image .*; cut it into tiles")


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
    assert check(data).problems == []
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
    assert check(data).problems == []
    assert read_image(data.images, _seen(data).row).shape == (size[1], size[0], 3)


def test_links_out_of_the_folder_are_followed(data: Data, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (data.images / "a.png").rename(tmp_path / "elsewhere" / "x.png")
    (data.images / "a.png").symlink_to(tmp_path / "elsewhere" / "x.png")
    assert check(data).problems == []


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
