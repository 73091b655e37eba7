"""What wssis export reads: COCO files with masks, and what wssis predict writes."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wssis.errors import InputError, refuse
from wssis.formats.coco import read_coco
from wssis.formats.coco_check import check_coco, point_problems, sized_images
from wssis.formats.json_text import loads
from wssis.formats.points import UNMASKED_COLUMNS, from_corners
from wssis.formats.remark import Fault, Remark
from wssis.formats.table import read_table

Coco = dict[str, Any]
FRAME = "images.json"
"""What `wssis predict` writes beside its detections: images and categories."""
MASKS, UNMASKED = "masks.json", "unmasked.csv"
"""What `wssis predict --points` writes: masks, and a table of the points that have none."""


def read_source(source: Path) -> Coco:
    """The content of a sound COCO file; every annotation has the key `segmentation`, None where it is a point alone.

    COCO results need images.json beside them. The points in unmasked.csv beside the masks.json of `wssis predict
    --points` are added, where their image is in masks.json.

    Raises:
        InputError: every problem at once.
    """
    coco = _of_results(source) if _is_list(source) else read_coco(source)
    annotations = [{"segmentation": None, **one} if isinstance(one, dict) else one for one in coco["annotations"]]
    masked = [one for one in annotations if not _is_unmasked_point(one)]
    pointed = [one for one in annotations if _is_unmasked_point(one)]
    problems = check_coco({**coco, "annotations": masked}, source)
    if pointed:
        problems += check_coco({**coco, "annotations": pointed}, source, labels="points")
    problems += _score_problems(annotations, source)
    if problems:
        # What is wrong with images and categories is found with masks and with points.
        raise InputError("\n".join(dict.fromkeys(map(str, problems))))
    return {**coco, "annotations": annotations + _unmasked_beside(source, {**coco, "annotations": annotations})}


def _is_unmasked_point(annotation: object) -> bool:
    return isinstance(annotation, dict) and annotation["segmentation"] is None and "point" in annotation


def _score_problems(annotations: Sequence[object], source: Path) -> Iterator[Remark]:
    """Scores by which no mask can be chosen; a mask may have none."""
    for one in annotations:
        score = one.get("score") if isinstance(one, dict) else None
        number = isinstance(score, int | float) and not isinstance(score, bool)
        if score is not None and not (number and abs(score) <= sys.float_info.max):
            fault = Fault("score", f"score {score!r} is no finite number", "correct it or leave it out")
            yield fault.at(source, f"annotation {one.get('id')!r}")


def _is_list(source: Path) -> bool:
    try:
        with source.open("rb") as stream:
            return stream.read(64).lstrip().startswith(b"[")
    except FileNotFoundError:
        raise InputError(f"{source}: not found; correct the path") from None
    except IsADirectoryError:
        raise InputError(f"{source}: is a folder; name the COCO file in it") from None


def _of_results(source: Path) -> Coco:
    """COCO results, numbered from 1, with the images and categories of the file that lies beside them."""
    frame = source.with_name(FRAME)
    try:
        results = loads(source.read_bytes())
    except ValueError as error:
        raise InputError(f"{source}: not readable as JSON ({error}); make the file again") from None
    if not frame.is_file():
        raise InputError(f"{source}: holds COCO results, whose images are told by {frame}, which is not there")
    try:
        known = loads(frame.read_bytes())
        kept = {key: known[key] for key in ("images", "categories")}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{frame}: has no images and categories ({error!r}); run wssis predict again") from None
    if not all(isinstance(one, dict) for one in results):
        raise InputError(f"{source}: must be a list of objects; COCO results are expected")
    return {**kept, "annotations": [{"iscrowd": 0, **one, "id": n} for n, one in enumerate(results, start=1)]}


def _unmasked_beside(source: Path, coco: Coco) -> list[dict[str, Any]]:
    """The points that ended without mask, numbered on, as annotations.

    Raises:
        InputError: a point is unsound, or of an unknown category; all such points at once.
    """
    table = source.with_name(UNMASKED)
    if source.name != MASKS or not table.is_file():
        return []
    names = {image["file_name"]: image["id"] for image in coco["images"]}
    images, categories = sized_images(coco["images"]), {one["name"]: one["id"] for one in coco["categories"]}
    last = max(one["id"] for one in coco["annotations"])
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    for point_id, _, file_name, x, y, category, reason in read_table(table, UNMASKED_COLUMNS):
        image_id = names.get(file_name)
        if image_id is None:
            continue
        try:
            point = list(from_corners(float(x), float(y)))
        except ValueError:
            raise InputError(f"{table}: point {point_id}: {x!r}, {y!r} are no point; run wssis predict again") from None
        values = {"category_id": categories.get(category, category), "point": point}
        last += 1
        found.append({"id": last, "image_id": image_id, "segmentation": None, "outcome": reason, **values})
        faults = point_problems(found[-1], images[image_id], categories.values())
        problems += [f"{table}: point {point_id}: {fault}" for fault in faults]
    refuse(problems)
    return found
