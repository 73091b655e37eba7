"""Small label files in the real form of each tool, made by hand after the tools' documentation, and two small masks.

Image a.png is 9 px wide and 6 px high and shows a `ring` and a `bar`:

    . . . . . . . . .
    . # # # . . . . .
    . # . # . . o o o
    . # # # . . o o o
    . . . . . . . . .
    . . . . . . . . .
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wssis.convert.conversion import Conversion, Request, convert_labels
from wssis.formats.coco import decode_mask, read_coco
from wssis.formats.importers.reader import Options

W, H = 9, 6
RING = np.array([
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 1, 1, 1, 0, 0, 0, 0, 0],
    [0, 1, 0, 1, 0, 0, 0, 0, 0],
    [0, 1, 1, 1, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
], bool)  # fmt: skip
BAR = np.array([
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 1, 1, 1],
    [0, 0, 0, 0, 0, 0, 1, 1, 1],
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
], bool)  # fmt: skip
BAR_CORNERS = [[6, 2], [9, 2], [9, 4], [6, 4]]
"""The bar's outline, pixel corners at integers."""
FLAT_BAR = [side for corner in BAR_CORNERS for side in corner]
POINT = {"x": 50, "y": 50, "width": 0.3}
"""Where Label Studio has a point: percent of the image."""


def picture(folder: Path, name: str = "a.png", size: tuple[int, int] = (W, H), **options: Any) -> Path:
    """A grey image in the folder; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 90, 90)).save(folder / name, **options)
    return folder


def written(path: Path, content: object) -> Path:
    """A text as it is, anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def converted(
    kind: str, label_format: str, source: Path, options: Options | None = None, **request: Any
) -> tuple[dict[str, Any], Conversion]:
    """The COCO file that `wssis convert` writes, and its account."""
    out = source.parent / "converted.json"
    done = convert_labels(Request(kind, label_format, source, out, **request), options or Options())
    return read_coco(out), done


def points_of(coco: dict[str, Any]) -> list[tuple[str, list[float]]]:
    """Class name and point of every annotation."""
    names = {category["id"]: category["name"] for category in coco["categories"]}
    return [(names[annotation["category_id"]], annotation["point"]) for annotation in coco["annotations"]]


def masks_of(coco: dict[str, Any]) -> list[tuple[str, np.ndarray]]:
    """Class name and mask of every annotation."""
    names = {category["id"]: category["name"] for category in coco["categories"]}
    sizes = {image["id"]: (image["height"], image["width"]) for image in coco["images"]}
    return [(names[a["category_id"]], decode_mask(a, *sizes[a["image_id"]])) for a in coco["annotations"]]


def same(found: list[tuple[str, np.ndarray]], wanted: list[tuple[str, np.ndarray]]) -> bool:
    """Whether classes and masks are equal, one by one."""
    return len(found) == len(wanted) and all(
        name == other and np.array_equal(mask, true) for (name, mask), (other, true) in zip(found, wanted, strict=True)
    )


def coco_points(*annotations: dict[str, Any], **category: Any) -> dict[str, Any]:
    """A COCO file of image 4, a.png, with category 7 `bar` and 3 `ring`; annotations count from 1 and are bars."""
    base = {"image_id": 4, "category_id": 7}
    return {
        "images": [{"id": 4, "file_name": "a.png", "width": W, "height": H}],
        "annotations": [{"id": n, **base, **annotation} for n, annotation in enumerate(annotations, start=1)],
        "categories": [{"id": 7, "name": "bar", **category}, {"id": 3, "name": "ring"}],
    }


def cvat(shapes: str, image: str = f'id="0" name="a.png" width="{W}" height="{H}"', head: str = "") -> str:
    """An annotations.xml of 'CVAT for images 1.1' with one image."""
    labels = "".join(
        f"<label><name>{name}</name><color>#fa3253</color><type>any</type><attributes></attributes></label>"
        for name in ("ring", "bar")
    )
    return f"""<?xml version="1.0" encoding="utf-8"?>
{head}<annotations>
  <version>1.1</version>
  <meta><task><id>12</id><name>half</name><size>1</size><mode>annotation</mode><labels>{labels}</labels></task></meta>
  <image {image}>{shapes}</image>
</annotations>
"""


def click(points: str, label: str = "bar") -> str:
    """A points shape of CVAT."""
    return f'<points label="{label}" source="manual" occluded="0" points="{points}" z_order="0"></points>'


def region(kind: str, label: str, **value: Any) -> dict[str, Any]:
    """A result of Label Studio's JSON on an image of 9 x 6 px."""
    return {
        "original_width": W, "original_height": H, "image_rotation": 0, "id": "Rz9oHDXIwG", "from_name": "label",
        "to_name": "image", "type": kind, "origin": "manual", "value": {**value, kind: [label]},
    }  # fmt: skip


def tasks(*regions: dict[str, Any], image: str = "/data/upload/1/0a1b2c3d-a.png", **task: Any) -> list[dict[str, Any]]:
    """Label Studio's JSON export of one task."""
    annotation = {"id": 31, "completed_by": 1, "was_cancelled": False, "result": list(regions)}
    return [{"id": 17, "annotations": [annotation], "data": {"image": image}, "predictions": [], **task}]


def labelme(*shapes: dict[str, Any], path: str = "a.png", width: object = W) -> dict[str, Any]:
    """A JSON file of labelme."""
    return {
        "version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": path, "imageData": None,
        "imageHeight": H, "imageWidth": width,
    }  # fmt: skip


def shape(kind: str, label: str, points: object, group: int | None = None, **more: Any) -> dict[str, Any]:
    """A shape of labelme."""
    return {
        "label": label, "points": points, "group_id": group, "description": "", "shape_type": kind, "flags": {},
        "mask": None, **more,
    }  # fmt: skip
