"""Half-labelled files drawn for tests: rectangles on 12 images of 40 x 30 px, of two classes."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wssis.config.data_stages import PointsSettings, PrepareSettings
from wssis.config.half_labelled import GivenSplitSettings, TakeGivenSettings
from wssis.formats.coco import write_coco
from wssis.formats.image_folders import one_folder
from wssis.stages import check_images, points_given, split_given, take_given

WIDTH, HEIGHT = 40, 30
CATEGORIES = [{"id": 2, "name": "cell"}, {"id": 5, "name": "dirt"}]


def _images(ids: range) -> list[dict[str, Any]]:
    return [
        {"id": number, "file_name": f"{number}.png", "width": WIDTH, "height": HEIGHT, "slide": f"s{number // 2}"}
        for number in ids
    ]


def rectangle(number: int, image_id: int, category_id: int = 2) -> dict[str, Any]:
    """An annotation with a mask."""
    x, y = 4 + number % 7, 5 + number % 5
    ring = [x, y, x + 12, y, x + 12, y + 9, x, y + 9]
    return {"id": number, "image_id": image_id, "category_id": category_id, "segmentation": [ring], "iscrowd": 0}


def click(number: int, image_id: int, category_id: int = 2) -> dict[str, Any]:
    """An annotation with a point."""
    return {"id": number, "image_id": image_id, "category_id": category_id, "point": [10.5, 11.0]}


def half_labelled() -> dict[str, dict[str, Any]]:
    """COCO content: 10 images with masks (one of them alone shows `dirt`), 5 with clicks (one empty), 2 of nobody's."""
    full = [rectangle(number, number) for number in range(1, 10)]
    return {
        "full": {
            "images": _images(range(1, 11)),
            "annotations": [*full, rectangle(20, 3, 5), rectangle(21, 4) | {"iscrowd": 1}],
            "categories": CATEGORIES,
        },
        "weak": {
            "images": _images(range(30, 35)),
            "annotations": [click(100 + number, number) for number in range(30, 34)] + [click(150, 30, 5)],
            "categories": CATEGORIES,
        },
        "unlabelled": {"images": _images(range(50, 52))},
        "val": {"images": _images(range(1, 4)), "annotations": [rectangle(1, 1)], "categories": CATEGORIES},
    }


def write_half_labelled(folder: Path, contents: dict[str, dict[str, Any]]) -> dict[str, Path]:
    """Write the files and, in one folder for each, the images; the paths of the files."""
    paths = {}
    for part, content in contents.items():
        paths[part] = folder / f"{part}.json"
        write_coco(paths[part], content)
        for image in content["images"]:
            pixels = np.random.default_rng([image["id"], len(part)]).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
            (folder / part).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(folder / part / image["file_name"])
    return paths


def take_half_labelled(dataset: Path) -> Path:
    """A study of half-labelled files, as far as its points; written from the folder where it is to run.

    dataset: its data set's folder, results/{study}/{name}. Returns the study's folder.
    """
    run = dataset / "given/s0/base"
    paths = write_half_labelled(Path("data"), half_labelled())
    take_given.run(
        TakeGivenSettings(), **{part: (path, Path("data") / part) for part, path in paths.items()}, out=dataset
    )
    train, val = dataset / "train.json", dataset / "val.json"
    with one_folder("data/full:data/weak:data/unlabelled") as images:
        check_images.run(PrepareSettings(), train, val, images, Path("data/val"), dataset / "images.csv")
    split_given.run(GivenSplitSettings(), train, dataset / "given.csv", run)
    points_given.run(PointsSettings(), train, run / "split.csv", run / "full.json", run)
    return dataset.parent.resolve()
