"""Stage prepare: refuse bad annotations, write good ones in one form."""

from collections.abc import Mapping
from itertools import repeat
from pathlib import Path
from typing import Any

from wssis.checking.parts import Part, annotation_problems, image_problems, read_parts
from wssis.config.stages import PrepareSettings
from wssis.errors import InputError
from wssis.formats.annotation_blocks import without_pixels
from wssis.formats.coco import decode_mask, mask_box, write_coco
from wssis.formats.manifest import StageRun
from wssis.formats.remark import refusal


def _normal_annotation(annotation: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that later stages read; box and area as given, from the mask where they are missing."""
    box, area = annotation.get("bbox"), annotation.get("area")
    if box is None or area is None:
        mask = decode_mask(annotation, image["height"], image["width"])
        box, area = mask_box(mask) if box is None else box, int(mask.sum()) if area is None else area
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


def run(
    settings: PrepareSettings,
    train_annotations: Path,
    val_annotations: Path,
    out: Path,
    train_images: Path | None = None,
    val_images: Path | None = None,
    workers: int = 0,
) -> None:
    """Check two COCO files and write out/train.json, out/val.json, out/prepare.manifest.json.

    Args:
        train_images, val_images: image folders. They are looked at only where the annotations are refused, so that
            one list has everything that is wrong; otherwise that is left to check_images.
        workers: processes that look at images.

    Raises:
        InputError: names every problem of both files, and of their images.
    """
    paths = {"train": Path(train_annotations), "val": Path(val_annotations)}
    folders = {"train": train_images, "val": val_images}
    parts = [Part(name, path, folders[name] and Path(folders[name])) for name, path in paths.items()]
    out = Path(out)
    with StageRun("prepare", out / "prepare.manifest.json", settings, paths) as stage_run:
        given, unreadable = read_parts(parts)
        problems = unreadable + annotation_problems(parts, given, settings.zero_area)
        if problems:
            raise InputError(refusal(problems + image_problems(parts, given, workers)))
        for subset, coco in given.items():
            content, dropped = normal_form(coco, settings.zero_area)
            write_coco(out / f"{subset}.json", content)
            stage_run.output(out / f"{subset}.json")
            stage_run.counts[f"{subset}_images"] = len(content["images"])
            stage_run.counts[f"{subset}_objects"] = sum(not a["iscrowd"] for a in content["annotations"])
            stage_run.counts[f"{subset}_crowd"] = sum(a["iscrowd"] for a in content["annotations"])
            stage_run.counts[f"{subset}_dropped"] = dropped
