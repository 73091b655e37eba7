"""Stage take-given: half-labelled files, checked, and written in one form; images held out where none are to validate.

train.json has every training image with the labels it has: masks on the full images, points on the weak ones.
"""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from wssis.checking.parts import (
    FileAndFolder,
    annotation_problems,
    half_labelled_parts,
    image_problems,
    read_parts,
)
from wssis.checking.validated import trained_and_validated
from wssis.config.half_labelled import TakeGivenSettings
from wssis.engine.image_order import classes_of, grouped_order, stratified_order, take
from wssis.errors import InputError
from wssis.formats.atomic import refuse_overwriting
from wssis.formats.coco import write_coco
from wssis.formats.coco_normal import normal_form
from wssis.formats.manifest import StageRun
from wssis.formats.remark import refusal
from wssis.formats.split import part_of, write_split

KINDS = {"full": "full", "weak": "point", "unlabelled": "unlabelled"}
"""Part of the data set -> label kind of its images."""
HELD_OUT = "val"
Coco = dict[str, Any]


def run(
    settings: TakeGivenSettings,
    full: FileAndFolder,
    weak: FileAndFolder,
    unlabelled: FileAndFolder,
    val: FileAndFolder,
    out: Path,
    workers: int = 0,
) -> None:
    """Write out/train.json, val.json, given.csv (the label kind of every training image) and prepare.manifest.json.

    Args:
        settings: the check, and how many full images are held out where there is no file of validation images.
        full: COCO file with masks. weak: COCO file with a point per object. unlabelled: COCO file of images.
            val: COCO file with masks of the validation images. The last two may be None. Each with its image folder,
            which is looked at only where annotations are refused, so that one list has everything that is wrong.
        out: folder of the data set.
        workers: processes that look at images.

    Raises:
        InputError: names every problem of the files; or nothing would be left to validate or to train on.
    """
    parts = half_labelled_parts(full, weak, unlabelled, val)
    paths = {part.name: part.annotations for part in parts}
    if ("val" in paths) == (settings.val_share is not None):
        raise InputError("take-given needs --val or the setting val_share, and not both")
    refuse_overwriting(paths.values(), (out / "train.json", out / "val.json"))
    with StageRun("take_given", out / "prepare.manifest.json", settings, paths) as stage_run:
        contents, problems = read_parts(parts)
        problems += annotation_problems(parts, contents, settings.zero_area)
        problems += trained_and_validated(parts, contents)
        if problems:
            raise InputError(refusal(problems + image_problems(parts, contents, workers)))
        given = {part.name: _normal(contents[part.name], part.labels, settings.zero_area) for part in parts}
        if settings.val_share is not None:
            given["full"], given["val"] = hold_out(given["full"], settings, settings.val_share, paths["full"])
        training = {part: given[part] for part in KINDS if part in given}
        train = _joined(list(training.values()))
        kinds = {image["id"]: KINDS[part] for part, coco in training.items() for image in coco["images"]}
        write_coco(out / "train.json", train)
        write_coco(out / "val.json", given["val"])
        write_split(out / "given.csv", kinds)
        stage_run.output(*(out / name for name in ("train.json", "val.json", "given.csv")))
        for subset, coco in (("train", train), ("val", given["val"])):
            crowd = sum(annotation.get("iscrowd", 0) for annotation in coco["annotations"])
            stage_run.counts[f"{subset}_images"] = len(coco["images"])
            stage_run.counts[f"{subset}_objects"] = len(coco["annotations"]) - crowd
            stage_run.counts[f"{subset}_crowd"] = crowd
        read = sum(len(coco["annotations"]) for coco in contents.values())
        stage_run.counts["dropped"] = read - len(train["annotations"]) - len(given["val"]["annotations"])
        stage_run.counts |= {f"{part}_images": len(coco["images"]) for part, coco in training.items()}
        stage_run.counts["held_out_images"] = len(given["val"]["images"]) if "val" not in paths else 0


def _normal(coco: Mapping[str, Any], labels: str, zero_area: str) -> Coco:
    """What is in a file, in one form."""
    if labels == "masks":
        return normal_form(coco, zero_area)[0]
    return {
        "images": sorted(coco["images"], key=lambda image: image["id"]),
        "annotations": [_click(annotation) for annotation in coco["annotations"]],
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


def hold_out(full: Coco, settings: TakeGivenSettings, share: float, path: Path) -> tuple[Coco, Coco]:
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
