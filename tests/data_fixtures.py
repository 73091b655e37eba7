"""A small sound data set on disk, to be damaged: two images with a mask each; and what a check says of it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wssis.checking.check import Checked, check_parts
from wssis.checking.parts import Part
from wssis.config.data_stages import DataWarningsSettings

WIDTH, HEIGHT = 40, 30
NAMES = {7: "a.png", 8: "b.jpg"}
Content = dict[str, Any]


def picture(seed: int, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Coarse blocks of colour, different for every seed."""
    blocks = np.random.default_rng(seed).integers(0, 255, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC)


def masks(names: dict[int, str] = NAMES) -> Content:
    """One mask an image."""
    square = [[1, 1, 9, 1, 9, 9, 1, 9]]
    return {
        "images": [{"id": n, "file_name": name, "width": WIDTH, "height": HEIGHT} for n, name in names.items()],
        "annotations": [{"id": n + 10, "image_id": n, "category_id": 3, "segmentation": square} for n in names],
        "categories": [{"id": 3, "name": "cell"}],
    }


def points(names: dict[int, str]) -> Content:
    """One point an image, on its middle."""
    annotations = [
        {"id": n + 10, "image_id": n, "category_id": 3, "point": [WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5]} for n in names
    ]
    return masks(names) | {"annotations": annotations}


class Data:
    """annotations.json and images/ in a folder."""

    def __init__(self, folder: Path) -> None:
        self.annotations, self.images = folder / "annotations.json", folder / "images"
        self.images.mkdir(parents=True)
        self.content = masks()
        for number, name in NAMES.items():
            picture(number).save(self.images / name)

    def write(self) -> None:
        """Write the annotations as they are now."""
        self.annotations.write_text(json.dumps(self.content), encoding="utf-8")

    def image(self, **values: object) -> None:
        """Change what the annotations say of image 7."""
        self.content["images"][0].update(values)

    def save(self, image: Image.Image, name: str = "a.png", **options: Any) -> None:
        """Put an image in the place of image 7, and its size into the annotations."""
        image.save(self.images / name, **options)
        self.image(file_name=name, width=image.width, height=image.height)


Change = Callable[[Data], object]


def check(data: Data, write: bool = True) -> Checked:
    """The data set, checked as training images; write: as it is now, not as its file is."""
    if write:
        data.write()
    return check_parts("mine", [Part("train", data.annotations, data.images)])


def check_with_val(data: Data, val: Content | None = None, settings: DataWarningsSettings | None = None) -> Checked:
    """The data set, checked with validation images; nothing may be wrong with it."""
    data.write()
    parts = [Part("train", data.annotations, data.images)]
    if val is not None:
        data.annotations.with_name("val.json").write_text(json.dumps(val))
        parts.append(Part("val", data.annotations.with_name("val.json"), data.images))
    checked = check_parts("mine", parts, settings=settings)
    assert checked.problems == []
    return checked


def assert_found(checked: Checked, expected: str) -> None:
    """There is a problem that the pattern fits, and every such one is complete."""
    found = [one for one in checked.problems if re.search(expected, str(one))]
    assert found, checked.problems
    assert all(one.file and one.kind and one.remedy for one in found)


def warned(checked: Checked, kind: str) -> list[str]:
    """The warnings of one kind, as text."""
    return [str(one) for one in checked.warnings if one.kind == kind]
