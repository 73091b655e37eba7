"""Stage confident-labels: the training set of semi, from full masks and the teacher's confident detections. No points.

An image on which the teacher is sure of nothing is left out: nobody said that it is empty.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pycocotools import mask as mask_api

from wssis.config.segmentor_stages import ConfidentLabelsSettings
from wssis.engine.detecting import detections_by_image
from wssis.errors import InputError
from wssis.formats.coco import write_coco
from wssis.formats.coco_stream import annotations_of, read_frame
from wssis.formats.images_table import read_images_table
from wssis.formats.manifest import StageRun
from wssis.formats.score_thresholds import read_thresholds
from wssis.formats.spill import Spill
from wssis.formats.split import read_split

Results = list[dict[str, Any]]


def run(
    settings: ConfidentLabelsSettings,
    full: Path,
    split: Path,
    thresholds: Path,
    teacher: Path,
    images_table: Path,
    image_dir: Path,
    out: Path,
) -> None:
    """Write pseudo/semi.json and its manifest beside it.

    Args:
        full: full.json of the run.
        split: split.csv: all images without masks are labelled, whether they have points or not.
        thresholds: thresholds.csv of the run.
        teacher: teacher/model.safetensors.
        images_table: images.csv.
        image_dir: folder of the training images.

    Raises:
        InputError: thresholds or checkpoint of other categories than full.json's.
    """
    inputs = {"full": full, "split": split, "thresholds": thresholds, "teacher": teacher, "images_table": images_table}
    with StageRun("confident_labels", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        frame, least = read_frame(full), read_thresholds(thresholds)
        if sorted(least) != sorted(category["id"] for category in frame["categories"]):
            raise InputError(f"{thresholds}: its categories are not those of {full}; run score-thresholds again")
        images = _images_without_masks(split, images_table)
        bare = {"images": images, "categories": frame["categories"]}
        with Spill[Results](out.parent, (image["id"] for image in images)) as labels:
            for image_id, found in detections_by_image(
                teacher, bare, full, images_table, "train", image_dir, settings
            ):
                if sure := confident(found, least):
                    labels[image_id] = sure
            labelled = [image for image in images if image["id"] in labels]
            counts: Counter[str] = Counter(pseudo_masks=0)
            coco = {
                "images": [*frame["images"], *labelled],
                "categories": frame["categories"],
                "annotations": _annotations(annotations_of(full), (labels[image["id"]] for image in labelled), counts),
            }
            write_coco(out, coco)
        stage.output(out)
        stage.counts |= {
            "full_images": len(frame["images"]),
            "full_annotations": counts["full"],
            "labelled_images": len(labelled),
            "images_left_out": len(images) - len(labelled),
            "pseudo_masks": counts["pseudo_masks"],
        }


def confident(detections: Results, least: Mapping[int, float | None]) -> Results:
    """The detections that are sure enough for their class and have a mask."""
    return [
        one
        for one in detections
        if (threshold := least[one["category_id"]]) is not None
        and one["score"] >= threshold
        and mask_api.area(one["segmentation"])
    ]


def _images_without_masks(split: Path, images_table: Path) -> list[dict[str, Any]]:
    """The images that are not full, as COCO has them, in the order of their ids."""
    kinds, rows = read_split(split), read_images_table(images_table, "train")
    chosen = [rows[image_id] for image_id in sorted(kinds) if kinds[image_id] != "full"]
    return [
        {"id": row.image_id, "file_name": row.file_name, "width": row.width, "height": row.height} for row in chosen
    ]


def _annotations(
    full: Iterator[dict[str, Any]], labels: Iterator[Results], counts: Counter[str]
) -> Iterator[dict[str, Any]]:
    """The full annotations (source full), then the labels (source pseudo); counted on the way."""
    last = 0
    for annotation in full:
        counts["full"] += 1
        last = max(last, annotation["id"])
        yield {**annotation, "source": "full"}
    for number, label in enumerate((one for group in labels for one in group), start=last + 1):
        counts["pseudo_masks"] += 1
        area = int(mask_api.area(label["segmentation"]))
        yield {**label, "id": number, "area": area, "iscrowd": 0, "source": "pseudo", "outcome": "confident"}
