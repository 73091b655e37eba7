"""Stage take-given: half-labelled files, checked, and written in one form; images held out where none are to validate.

train.json has every training image with the labels it has: masks on the full images, points on the weak ones.
"""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from wssis.config.half_labelled import TakeGivenSettings
from wssis.engine.image_order import classes_of, grouped_order, stratified_order, take
from wssis.errors import InputError
from wssis.formats.coco import write_coco
from wssis.formats.coco_normal import normal_form
from wssis.formats.given_check import GivenFile, given_problems, read_given
from wssis.formats.manifest import StageRun
from wssis.formats.remark import refusal
from wssis.formats.split import part_of, write_split

KINDS = {"full": "full", "weak": "point", "unlabelled": "unlabelled"}
"""Part of the data set -> label kind of its images."""
HELD_OUT = "val"
Coco = dict[str, Any]


def run(
    settings: TakeGivenSettings, full: Path, weak: Path, unlabelled: Path | None, val: Path | None, out: Path
) -> None:
    """Write out/train.json, val.json, given.csv (the label kind of every training image) and prepare.manifest.json.

    Args:
        settings: the check, and how many full images are held out where `val` is None.
        full: COCO file with masks. weak: COCO file with a point per object. unlabelled: COCO file of images, or None.
        val: COCO file with masks of the validation images, or None.
        out: folder of the data set.

    Raises:
        InputError: names every problem of the files; or nothing would be left to validate or to train on.
    """
    given = {"full": full, "weak": weak, "unlabelled": unlabelled, "val": val}
    paths = {part: path for part, path in given.items() if path is not None}
    if (val is None) == (settings.val_share is None):
        raise InputError("take-given needs --val or the setting val_share, and not both")
    with StageRun("take_given", out / "prepare.manifest.json", settings, paths) as stage_run:
        files = {part: read_given(part, path) for part, path in paths.items()}
        if problems := given_problems(files, settings.zero_area):
            raise InputError(refusal(problems))
        parts = {part: _normal(file, settings.zero_area) for part, file in files.items()}
        if settings.val_share is not None:
            parts["full"], parts["val"] = _hold_out(parts["full"], settings, settings.val_share, full)
        train = _joined([parts[part] for part in KINDS if part in parts])
        kinds = {image["id"]: kind for part, kind in KINDS.items() if part in parts for image in parts[part]["images"]}
        write_coco(out / "train.json", train)
        write_coco(out / "val.json", parts["val"])
        write_split(out / "given.csv", kinds)
        stage_run.output(*(out / name for name in ("train.json", "val.json", "given.csv")))
        for subset, coco in (("train", train), ("val", parts["val"])):
            crowd = sum(annotation.get("iscrowd", 0) for annotation in coco["annotations"])
            stage_run.counts[f"{subset}_images"] = len(coco["images"])
            stage_run.counts[f"{subset}_objects"] = len(coco["annotations"]) - crowd
            stage_run.counts[f"{subset}_crowd"] = crowd
        read = sum(len(file.coco["annotations"]) for file in files.values())
        stage_run.counts["dropped"] = read - len(train["annotations"]) - len(parts["val"]["annotations"])
        stage_run.counts["held_out_images"] = len(parts["val"]["images"]) if val is None else 0


def _normal(file: GivenFile, zero_area: str) -> Coco:
    """What is in a file, in one form."""
    if file.part in ("full", "val"):
        return normal_form(file.coco, zero_area)[0]
    return {
        "images": sorted(file.coco["images"], key=lambda image: image["id"]),
        "annotations": [_click(annotation) for annotation in file.coco["annotations"]],
        "categories": [],
    }


def _click(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a point that later stages read."""
    x, y = annotation["point"]
    return {
        "id": annotation["id"],
        "image_id": annotation["image_id"],
        "category_id": annotation["category_id"],
        "point": [float(x), float(y)],
    }


def _hold_out(full: Coco, settings: TakeGivenSettings, share: float, path: Path) -> tuple[Coco, Coco]:
    """The full images that are trained on, and those that are not: the last ones of the order by which a split is
    drawn, so that the images that show every class once stay, and more of them are held out beside the same ones.

    Raises:
        InputError: no object is left on one side.
    """
    rng = np.random.default_rng([settings.val_seed, 0])
    if settings.group_key is None:
        order = stratified_order(full, rng)
    else:
        order = grouped_order(full, settings.group_key, rng, str(path))
    images = len(full["images"])
    wanted = max(1, int(images * share + 0.5))
    held = {image: HELD_OUT for image in take(order[::-1], wanted)}
    kinds = {image["id"]: held.get(image["id"], "full") for image in full["images"]}
    parts = [part_of(full, kinds, kind, with_annotations=True) for kind in ("full", HELD_OUT)]
    for part, what in zip(parts, ("to train on", "to validate on"), strict=True):
        if not any(classes_of(part).values()):
            raise InputError(
                f"{path}: of {images} images with masks, {len(held)} are held out, and no object is left {what}; mask"
                " more images, change val_share, or give val_annotations"
            )
    return parts[0], parts[1]


def _joined(parts: list[Coco]) -> Coco:
    """All training images in the order of their ids, with the categories of the first part."""
    images = sorted(chain.from_iterable(part["images"] for part in parts), key=lambda image: image["id"])
    annotations = chain.from_iterable(part["annotations"] for part in parts)
    return {
        "images": images,
        "annotations": sorted(annotations, key=lambda one: (one["image_id"], one["id"])),
        "categories": parts[0]["categories"],
    }
