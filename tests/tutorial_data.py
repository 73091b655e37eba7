"""What a user has at the start of the tutorial, on the embedded shapes: images, labelme's files, clicks."""

import base64
import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wssis.config.data_stages import GenerateSettings
from wssis.formats.coco import annotations_by_image, decode_mask, read_coco
from wssis.stages import generate

MASKED = 12
"""Images with masks; the others have clicks."""


def write_tutorial_data(folder: Path, images: int = 24) -> None:
    """Write images/, masks/ (labelme), clicks.csv and new/ into data/mine of a folder."""
    mine = folder / "data/mine"
    generate.run(GenerateSettings(size=96, train_images=images, val_images=4, classes=3), folder / "drawn")
    (folder / "drawn/images/train").rename(_parent(mine / "images"))
    (folder / "drawn/images/val").rename(mine / "new")
    coco = read_coco(folder / "drawn/train.json")
    names = {category["id"]: category["name"] for category in coco["categories"]}
    groups = annotations_by_image(coco)
    (mine / "masks").mkdir()
    for image in coco["images"][:MASKED]:
        (mine / "masks" / f"{Path(image['file_name']).stem}.json").write_text(_labelme(image, groups, names))
    with (mine / "clicks.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "x", "y", "category"])
        # The last masked image has clicks as well: people do that.
        for image in coco["images"][MASKED - 1 :]:
            writer.writerows(_clicks(image, groups, names) or [[image["file_name"], "", "", ""]])


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _clicks(image: dict[str, Any], groups: dict[int, list[dict[str, Any]]], names: dict[int, str]) -> list[list[Any]]:
    """The middle of a pixel of every object, pixel corners at integers."""
    rows = []
    for one in groups[image["id"]]:
        ys, xs = np.nonzero(decode_mask(one, image["height"], image["width"]))
        middle = len(xs) // 2
        rows.append([image["file_name"], xs[middle] + 0.5, ys[middle] + 0.5, names[one["category_id"]]])
    return rows


def _labelme(image: dict[str, Any], groups: dict[int, list[dict[str, Any]]], names: dict[int, str]) -> str:
    shapes = []
    for number, one in enumerate(groups[image["id"]]):
        common = {"label": names[one["category_id"]], "group_id": number, "flags": {}}
        if isinstance(one["segmentation"], list):
            for ring in one["segmentation"]:
                points = [list(corner) for corner in zip(ring[0::2], ring[1::2], strict=True)]
                shapes.append({**common, "shape_type": "polygon", "points": points})
        else:
            mask = decode_mask(one, image["height"], image["width"])
            picture = io.BytesIO()
            Image.fromarray(mask).save(picture, "PNG")
            corners = [[0, 0], [image["width"], image["height"]]]
            text = base64.b64encode(picture.getvalue()).decode()
            shapes.append({**common, "shape_type": "mask", "points": corners, "mask": text})
    return json.dumps({
        "version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": f"../images/{image['file_name']}",
        "imageData": None, "imageHeight": image["height"], "imageWidth": image["width"],
    })  # fmt: skip
