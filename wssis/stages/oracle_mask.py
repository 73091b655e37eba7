"""Stage oracle-mask: full masks, and the hidden masks of exactly the weak points. It may read weak masks.

What is trained on its output is the ceiling of refinement; no other arm sees it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wssis.config.mask_stages import OracleMaskSettings
from wssis.engine.pseudo_set import PseudoMask, TrainingSet, text_rle
from wssis.errors import InputError
from wssis.formats.coco import compressed, write_coco
from wssis.formats.coco_stream import annotations_of, read_frame
from wssis.formats.manifest import StageRun
from wssis.formats.points import read_hidden_ids
from wssis.formats.spill import Spill


def run(settings: OracleMaskSettings, train: Path, full: Path, weak: Path, hidden_ids: Path, out: Path) -> None:
    """Write pseudo/oracle-mask.json and its manifest beside it.

    Args:
        train: train.json, with the masks that no other training set may hold.
        full: full.json of the run.
        weak: weak.json of the run.
        hidden_ids: hidden_ids.csv of the run, from weak ids to train ids.
        out: the training set, of the same form as every arm's pseudo/{arm}.json.

    Raises:
        InputError: a weak point has no hidden mask.
    """
    inputs = {"train": train, "full": full, "weak": weak, "hidden_ids": hidden_ids}
    with StageRun("oracle_mask", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        frame, pointed = read_frame(full), read_frame(weak)
        weak_ids = {train_id: weak_id for weak_id, train_id in read_hidden_ids(hidden_ids).items()}
        images = {image["id"]: image for image in pointed["images"]}
        with Spill[PseudoMask](out.parent, weak_ids.values()) as masks:
            for weak_id, mask in hidden_masks(annotations_of(train), weak_ids, images):
                masks[weak_id] = mask
            _check(weak, masks)
            made = TrainingSet(frame, annotations_of(full), pointed, annotations_of(weak), masks)
            write_coco(out, made.coco())
        stage.counts.update(made.counts())
        stage.output(out)


def hidden_masks(
    annotations: Iterator[dict[str, Any]], weak_ids: Mapping[int, int], images: Mapping[int, Mapping[str, Any]]
) -> Iterator[tuple[int, PseudoMask]]:
    """Weak id and true mask of every annotation of train.json that a weak point stands for.

    weak_ids: id in train.json -> id in weak.json; images: id -> image of weak.json.
    """
    for annotation in annotations:
        if annotation["id"] in weak_ids and annotation.get("segmentation"):
            image = images[annotation["image_id"]]
            rle = text_rle(compressed(annotation["segmentation"], image["height"], image["width"]))
            yield weak_ids[annotation["id"]], PseudoMask(rle, "hidden", 1.0)


def _check(weak: Path, masks: Spill[PseudoMask]) -> None:
    """InputError where a point of weak.json has no hidden mask."""
    for point in annotations_of(weak):
        if point["id"] not in masks:
            raise InputError(
                f"point {point['id']} of image {point['image_id']}: no hidden mask; leave the arm oracle-mask out where"
                " weak images have no masks"
            )
