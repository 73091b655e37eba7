"""Stage prepare: refuse bad annotations, write good ones in one form."""

from collections.abc import Mapping
from itertools import repeat
from pathlib import Path
from typing import Any

from wssis.config.stages import PrepareSettings
from wssis.errors import InputError
from wssis.formats.annotation_blocks import without_pixels
from wssis.formats.coco import decode_mask, mask_box, read_coco, write_coco
from wssis.formats.coco_check import check_coco
from wssis.formats.manifest import StageRun

SHOWN = 200
"""Problems that are printed in full; the rest is counted."""


def _disagreements(train: Mapping[str, Any], val: Mapping[str, Any], val_path: Path) -> list[str]:
    """Categories of the validation file that the training file has not, or under another name."""
    names = {category.get("id"): category.get("name") for category in train["categories"]}
    problems = []
    for category in val["categories"]:
        identity, name = category.get("id"), category.get("name")
        if names.get(identity) != name:
            there = f"called {names[identity]!r}" if identity in names else "missing"
            problems.append(
                f"{val_path}: category {identity!r} ({name!r}) is {there} in the training file; make both lists equal"
            )
    return problems


def refusal(problems: list[str]) -> str:
    """The problems as one message: a line each, the count first."""
    shown = problems[:SHOWN]
    rest = len(problems) - len(shown)
    more = [f"... and {rest} more of the like"] if rest else []
    return "\n".join([f"{len(problems)} problem(s) in the data:", *shown, *more])


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


def run(settings: PrepareSettings, train_annotations: Path, val_annotations: Path, out: Path) -> None:
    """Check two COCO files and write out/train.json, out/val.json, out/prepare.manifest.json.

    Raises:
        InputError: names every problem of both files.
    """
    paths = {"train": Path(train_annotations), "val": Path(val_annotations)}
    out = Path(out)
    with StageRun("prepare", out / "prepare.manifest.json", settings, paths) as stage_run:
        given = {subset: read_coco(path) for subset, path in paths.items()}
        problems = [line for subset in given for line in check_coco(given[subset], paths[subset], settings.zero_area)]
        problems = problems or _disagreements(given["train"], given["val"], paths["val"])
        if problems:
            raise InputError(refusal(problems))
        for subset, coco in given.items():
            content, dropped = normal_form(coco, settings.zero_area)
            write_coco(out / f"{subset}.json", content)
            stage_run.output(out / f"{subset}.json")
            stage_run.counts[f"{subset}_images"] = len(content["images"])
            stage_run.counts[f"{subset}_objects"] = sum(not a["iscrowd"] for a in content["annotations"])
            stage_run.counts[f"{subset}_crowd"] = sum(a["iscrowd"] for a in content["annotations"])
            stage_run.counts[f"{subset}_dropped"] = dropped
