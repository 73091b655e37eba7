"""Sound COCO content in the one form that later stages read."""

from collections.abc import Mapping
from itertools import repeat
from typing import Any

from pycocotools import mask as mask_api

from wssis.formats.annotation_blocks import without_pixels
from wssis.formats.coco import compressed


def box_and_area(annotation: Mapping[str, Any], height: int, width: int) -> tuple[list[float], float]:
    """Box [x, y, w, h] in px and area in px as a sound annotation has them, from its mask where they are missing.

    Zeros count as missing: exporters write them for what they do not know, and AP by size would believe them.
    """
    box, area = annotation.get("bbox"), annotation.get("area")
    no_box, no_area = box is None or not min(box[2:]) > 0, area is None or not area > 0
    if no_box or no_area:
        rle = compressed(annotation["segmentation"], height, width)
        box = [int(side) for side in mask_api.toBbox(rle)] if no_box else box
        area = int(mask_api.area(rle)) if no_area else area
    return box, area


def _normal_annotation(annotation: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that later stages read."""
    box, area = box_and_area(annotation, image["height"], image["width"])
    return {
        "id": annotation["id"],
        "image_id": annotation["image_id"],
        "category_id": annotation["category_id"],
        "segmentation": annotation["segmentation"],
        "bbox": box,
        "area": area,
        "iscrowd": int(annotation.get("iscrowd", 0)),
    }


def normal_form(coco: Mapping[str, Any], zero_area: str = "refuse") -> tuple[dict[str, Any], int]:
    """Sound COCO content in one form, sorted by id, and how many annotations without a pixel were dropped.

    Images and categories keep all their keys, annotations those that later stages read.
    """
    images = {image["id"]: image for image in coco["images"]}
    given = sorted(coco["annotations"], key=lambda item: (item["image_id"], item["id"]))
    dropped = repeat(False) if zero_area == "refuse" else without_pixels(given, images)
    annotations = [
        _normal_annotation(annotation, images[annotation["image_id"]])
        for annotation, drop in zip(given, dropped, strict=False)
        if not drop
    ]
    content = {
        "images": [images[identity] for identity in sorted(images)],
        "annotations": annotations,
        "categories": sorted(coco["categories"], key=lambda category: category["id"]),
    }
    return content, len(coco["annotations"]) - len(annotations)
