"""Plain COCO instances: the keys that COCO defines and no others. Ids stay. Points without mask go to a table.

The table is one of clicks, with pixel corners at integers, as `wssis predict --points` and `wssis convert` read it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wssis.formats.coco import write_coco
from wssis.formats.coco_normal import box_and_area
from wssis.formats.exporters.labels import exported_images
from wssis.formats.table import write_table

IMAGE_KEYS = ("id", "file_name", "width", "height", "license", "flickr_url", "coco_url", "date_captured")
CATEGORY_KEYS = ("id", "name", "supercategory")
COLUMNS = ("id", "image", "x", "y", "category", "reason")


def write(path: Path, coco: Mapping[str, Any]) -> list[Path]:
    """Write the file, and NAME.unmasked.csv beside it where a point has no mask; the files written."""
    sizes = {image["id"]: (image["height"], image["width"]) for image in coco["images"]}
    write_coco(path, {
        "images": [_only(image, IMAGE_KEYS) for image in coco["images"]],
        "annotations": _annotations(coco, sizes),
        "categories": [_only(category, CATEGORY_KEYS) for category in coco["categories"]],
    })  # fmt: skip
    table = path.with_suffix(".unmasked.csv")
    rows = [
        (one.id, image.file_name, *one.corner_point, one.category, one.reason)
        for image in exported_images(coco)
        for one in image.points
    ]
    if not rows:
        table.unlink(missing_ok=True)
        return [path]
    write_table(table, COLUMNS, rows)
    return [path, table]


def _annotations(coco: Mapping[str, Any], sizes: Mapping[int, tuple[int, int]]) -> Iterator[dict[str, Any]]:
    for one in coco["annotations"]:
        if one["segmentation"] is None:
            continue
        box, area = box_and_area(one, *sizes[one["image_id"]])
        head = _only(one, ("id", "image_id", "category_id", "segmentation"))
        yield {**head, "bbox": box, "area": area, "iscrowd": one.get("iscrowd", 0)}


def _only(item: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: item[key] for key in keys if key in item}
