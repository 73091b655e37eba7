"""Images: missing, unreadable, truncated, of another size; and the table of the good ones."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from wssis.config.data_stages import PrepareSettings
from wssis.errors import InputError
from wssis.formats.coco import write_coco
from wssis.formats.image_facts import read_image_facts
from wssis.formats.images_table import ImageRow, read_images_table
from wssis.stages import check_images

NAMES = ("a.png", "b.jpg", "deep/c.png")


def _picture(path: Path, seed: int, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def _data(folder: Path) -> dict[str, Path]:
    """Three training images, one of validation; arguments of the stage."""
    images: list[dict[str, Any]] = [
        {"id": 5 - n, "file_name": name, "width": 40, "height": 30} for n, name in enumerate(NAMES)
    ]
    for seed, name in enumerate(NAMES):
        _picture(folder / "t" / name, seed, mode="L" if name == "b.jpg" else "RGB")
    _picture(folder / "v" / "a.png", 99)
    empty = {"annotations": [], "categories": []}
    write_coco(folder / "train.json", {"images": images, **empty})
    write_coco(folder / "val.json", {"images": images[:1], **empty})
    return {
        "train": folder / "train.json",
        "val": folder / "val.json",
        "train_images": folder / "t",
        "val_images": folder / "v",
        "out": folder / "images.csv",
    }


def test_table(tmp_path: Path) -> None:
    paths = _data(tmp_path)
    check_images.run(PrepareSettings(), **paths)
    rows = read_images_table(paths["out"], "train")
    assert list(rows) == [3, 4, 5]
    digest = hashlib.sha256((tmp_path / "t" / "a.png").read_bytes()).hexdigest()
    assert rows[5] == ImageRow("train", 5, "a.png", 40, 30, digest)
    assert list(read_images_table(paths["out"], "val")) == [5]


def test_clicked_points_are_looked_at(tmp_path: Path) -> None:
    paths = _data(tmp_path)
    Image.new("RGB", (40, 30)).save(tmp_path / "t" / "a.png")
    train = json.loads(paths["train"].read_text())
    border = {n: (5, [0, n]) for n in range(9, 23)}
    clicks = {8: (5, [20, 15]), **border, 30: (4, [20, 15])}
    train["annotations"] = [{"id": n, "image_id": image, "point": point} for n, (image, point) in clicks.items()]
    write_coco(paths["train"], train)
    check_images.run(PrepareSettings(), **paths)
    found = {(one.subset, one.image_id): one for one in read_image_facts(tmp_path / "image_facts.csv")}
    assert found["train", 5].flat_points == (8, *border) and found["train", 5].border_points == tuple(border)
    assert found["train", 4].flat_points == found["train", 4].border_points == ()


def test_workers_make_no_difference(tmp_path: Path) -> None:
    paths = _data(tmp_path)
    check_images.run(PrepareSettings(), **paths)
    alone = paths["out"].read_bytes()
    check_images.run(PrepareSettings(), **paths, workers=2)
    assert paths["out"].read_bytes() == alone


def test_all_problems_at_once(tmp_path: Path) -> None:
    paths = _data(tmp_path)
    (tmp_path / "t" / "a.png").unlink()
    content = (tmp_path / "t" / "b.jpg").read_bytes()
    (tmp_path / "t" / "b.jpg").write_bytes(content[: len(content) // 2])
    (tmp_path / "t" / "deep" / "c.png").write_text("no image")
    Image.new("RGB", (30, 40)).save(tmp_path / "v" / "a.png")
    with pytest.raises(InputError) as caught:
        check_images.run(PrepareSettings(), **paths)
    message = str(caught.value)
    assert message.startswith("4 problem(s)")
    assert "a.png: image 5 of train: missing" in message
    assert "b.jpg: image 4 of train: unreadable or truncated" in message
    assert "c.png: image 3 of train: is no image that can be read" in message
    assert "a.png: image 5 of val: is 30 x 40 px, the annotations say 40 x 30" in message
    assert not paths["out"].exists()


@pytest.mark.parametrize("key", ["images", "annotations"])
def test_items_that_are_no_objects(tmp_path: Path, key: str) -> None:
    paths = _data(tmp_path)
    write_coco(paths["train"], json.loads(paths["train"].read_text()) | {key: [3]})
    with pytest.raises(InputError, match=rf"train\.json: an item of its {key} is no object \(3\); is it the"):
        check_images.run(PrepareSettings(), **paths)


def test_truncated_png(tmp_path: Path) -> None:
    paths = _data(tmp_path)
    content = (tmp_path / "t" / "a.png").read_bytes()
    (tmp_path / "t" / "a.png").write_bytes(content[:-400])
    with pytest.raises(InputError, match=r"a\.png: image 5 of train: unreadable or truncated"):
        check_images.run(PrepareSettings(), **paths)


def test_exif_orientation_is_ignored(tmp_path: Path) -> None:
    paths = _data(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "t" / "b.jpg", exif=exif)
    check_images.run(PrepareSettings(), **paths)


def test_an_image_in_both_subsets_is_counted(tmp_path: Path) -> None:
    paths = _data(tmp_path)
    (tmp_path / "v" / "a.png").write_bytes((tmp_path / "t" / "a.png").read_bytes())
    check_images.run(PrepareSettings(), **paths)
    counts = json.loads((tmp_path / "images.csv.manifest.json").read_text())["counts"]
    assert counts == {"images": 4, "train_images_in_val": 1}
