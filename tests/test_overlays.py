"""Overlays of wssis predict: objects told apart, labels beside them, a file for every image."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from predict_fixtures import CATEGORIES

from wssis.errors import InputError
from wssis.formats.coco import encode_mask
from wssis.predicting.label_places import LabelPlaces
from wssis.predicting.overlays import Painter, overlay_name, painter_of
from wssis.predicting.pictures import Picture

SIDE = 600
GREY = 128


def _object(columns: slice, score: float, **more: object) -> dict:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[100:400, columns] = True
    box = [columns.start, 100, columns.stop - columns.start, 300]
    return {"category_id": 7, "segmentation": encode_mask(mask), "bbox": box, "score": score, **more}


def test_touching_objects_of_one_class_are_told_apart(tmp_path: Path) -> None:
    found = [_object(slice(100 + 80 * k, 180 + 80 * k), score) for k, score in enumerate((0.5, 0.9, 0.7, 0.6))]
    painter = Painter(tmp_path, CATEGORIES, ["a.png"], ["a.png"], 0.0)
    painter.paint("a.png", np.full((SIDE, SIDE, 3), GREY, np.uint8), found)
    picture = np.asarray(Image.open(tmp_path / "a.png.jpg")).astype(int)
    inside = [picture[200:300, 120 + 80 * k : 160 + 80 * k].reshape(-1, 3).mean(0) for k in range(4)]
    differences = [np.abs(one - other).max() for one, other in pairwise(inside)]
    assert min(differences) > 40, "so much lies between neighbours in some channel, 45 % of their colours' difference"
    assert picture[110:390, 120:160].std(axis=(0, 1)).max() < 3, "no label on an object with room above it"
    assert picture[86:99, 102:130].std() > 20, "but there it is"


def test_labels_lie_on_as_few_objects_and_labels_as_they_can() -> None:
    places = LabelPlaces((200, 100))
    mask = np.zeros((50, 100), bool)
    mask[10:40, 25:75] = True
    places.add_object(mask)
    box = (50, 20, 150, 80)
    assert places.place(box, 40, 10) == (50, 10, 90, 20), "above, at the left"
    assert places.place(box, 40, 10) == (110, 10, 150, 20), "above, at the right"
    assert places.place(box, 40, 10) == (50, 80, 90, 90), "below"
    assert places.place(box, 40, 10) == (110, 80, 150, 90)
    assert places.place(box, 40, 10) == (80, 70, 120, 80), "in the object, at its lower edge"
    assert places.place((0, 0, 5, 4), 40, 10) == (0, 0, 40, 10), "not out of the picture"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.png", "a.jpg", "b/a.JPG", "a.jpeg"], ["a.png.jpg", "a.jpg", "b/a.JPG", "a.jpeg"]),
        (["a.png", "a.png.jpg", "a.png.jpg.jpg"], ["a.png.jpg", "a.png.jpg.jpg", "a.png.jpg.jpg.jpg"]),
        (["a", "a.jpg"], ["a.jpg", "a.jpg.jpg"]),
        (["/else/a.jpg"], ["else/a.jpg"]),
    ],
)
def test_every_image_has_its_overlay(names: list[str], expected: list[str]) -> None:
    assert [overlay_name(name, frozenset(names)) for name in names] == expected


def test_overlays_never_replace_images(tmp_path: Path) -> None:
    """Neither is an image beyond the painted ones taken for an old overlay."""
    path = tmp_path / "overlays/a.jpg"
    path.parent.mkdir()
    path.write_bytes(b"mine")
    picture = Picture(path, "a.jpg", 4, 4, (4, 0), turned=False)
    with pytest.raises(InputError, match="where the overlays go; give another --out"):
        painter_of([picture], tmp_path / "overlays", CATEGORIES, 0, 0.0)
    assert path.read_bytes() == b"mine"
