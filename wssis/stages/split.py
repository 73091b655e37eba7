"""Stage split: which images have masks, which have points, which nobody looked at.

The images are put into one order, by seed and method; the first ones get masks, the next ones boxes with points, the
last ones stay unlabelled. So the split of a smaller mix is nested in that of a larger one.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from wssis.config.data_stages import SplitSettings
from wssis.engine.image_order import Unit, classes_of, grouped_order, stratified_order, take
from wssis.errors import InputError
from wssis.formats.coco import write_coco
from wssis.formats.labels_file import read_labels
from wssis.formats.manifest import StageRun
from wssis.formats.split import part_of, write_split

LEAST_PERCENT = 1e-6
"""Shares add up to 100 with this tolerance."""


def _listed_first(coco: Mapping[str, Any], path: str, rng: Generator) -> tuple[list[Unit], int]:
    """The images listed in a file, then the others in random order; and how many are listed."""
    try:
        lines = Path(path).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        raise InputError(f"{path}: not found (split.full_ids); correct the path") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text in UTF-8 ({error}); list image ids in it, one per line") from None
    known = {str(image["id"]): image["id"] for image in coco["images"]}
    unknown = [line for line in lines if line not in known]
    if unknown or not lines:
        reason = f"image ids {', '.join(unknown[:20])} are not in train.json" if unknown else "lists no image"
        raise InputError(f"{path}: {reason}; list image ids of the training set, one per line")
    listed = sorted({known[line] for line in lines})
    others = sorted(set(known.values()) - set(listed))
    return [[image] for image in [*listed, *rng.permutation(others).tolist()]], len(listed)


def _order(coco: Mapping[str, Any], settings: SplitSettings) -> tuple[list[Unit], int]:
    """Units in the order in which they get masks, and how many images shall have them."""
    rng = np.random.default_rng([settings.seed, 0])
    ids = sorted(image["id"] for image in coco["images"])
    wanted = max(1, int(len(ids) * settings.full_percent / 100 + 0.5)) if settings.full_percent else 0
    # The settings model refuses method group without group_key, and files without full_ids.
    match settings.method:
        case "random":
            return [[image] for image in rng.permutation(ids).tolist()], wanted
        case "stratified":
            return stratified_order(coco, rng), wanted
        case "group":
            return grouped_order(coco, str(settings.group_key), rng), wanted
        case "files":
            units, listed = _listed_first(coco, str(settings.full_ids), rng)
            return units, listed if settings.full_percent else 0


def split_images(coco: Mapping[str, Any], settings: SplitSettings) -> dict[int, str]:
    """Image id -> "full", "point", "points10" or "unlabelled".

    At least one image is "full", unless full_percent is 0. A group that only partly fits goes wholly to the full (or
    points10, or unlabelled) images. Without a share for "point", none is left to it by rounding.

    Raises:
        InputError: percentages beyond 100; a missing key or file; or no object at all on the full images.
    """
    shares = {name: getattr(settings, name) for name in ("full_percent", "points10_percent", "unlabelled_percent")}
    point_percent = 100 - sum(shares.values())
    if point_percent < -LEAST_PERCENT:
        named = ", ".join(f"{name} {value:g}" for name, value in shares.items() if value)
        raise InputError(f"split: {named} are more than 100 together")
    units, wanted = _order(coco, settings)
    full = set(take(units, wanted))
    rest = [unit for unit in units if unit[0] not in full]
    count = sum(map(len, units))
    unlabelled = set(take(rest[::-1], int(count * settings.unlabelled_percent / 100 + 0.5)))
    seen = [unit for unit in rest if unit[0] not in unlabelled]
    to_box = count if point_percent < LEAST_PERCENT else int(count * settings.points10_percent / 100 + 0.5)
    boxed = set(take(seen, to_box if settings.points10_percent else 0))
    classes = classes_of(coco)
    if full and not any(classes[image] for image in full):
        raise InputError(
            f"split: the {len(full)} images drawn for masks show no object;"
            " raise full_percent, or use method stratified"
        )
    kinds = {image: kind for kind, images in
             (("full", full), ("points10", boxed), ("unlabelled", unlabelled)) for image in images}  # fmt: skip
    return {image: kinds.get(image, "point") for image in sorted(classes)}


def run(settings: SplitSettings, train: Path, out: Path) -> None:
    """Write out/split.csv, full.json (with masks), unlabelled.json (images only) and split.manifest.json.

    Raises:
        InputError: see `split_images`.
    """
    train, out = Path(train), Path(out)
    inputs = {"train": train}
    if settings.method == "files" and settings.full_ids is not None:
        inputs["full_ids"] = Path(settings.full_ids)
    with StageRun("split", out / "split.manifest.json", settings, inputs) as stage_run:
        coco = read_labels(train, "segmentation", "iscrowd")
        split = split_images(coco, settings)
        full = part_of(coco, split, "full", with_annotations=True)
        write_split(out / "split.csv", split)
        write_coco(out / "full.json", full)
        write_coco(out / "unlabelled.json", part_of(coco, split, "unlabelled", with_annotations=False))
        stage_run.output(out / "split.csv", out / "full.json", out / "unlabelled.json")
        stage_run.counts |= {f"{kind}_images": count for kind, count in sorted(Counter(split.values()).items())}
        stage_run.counts["full_objects"] = sum(not annotation["iscrowd"] for annotation in full["annotations"])
        stage_run.counts["full_crowd"] = sum(annotation["iscrowd"] for annotation in full["annotations"])
