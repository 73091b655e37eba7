"""An arm's training set: the full annotations, and exactly one annotation for every point of the weak images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as mask_api

from wssis.errors import InputError
from wssis.formats.coco import class_indices, compressed, encode_mask

Coco = Mapping[str, Any]
Rle = dict[str, Any]


@dataclass(frozen=True)
class PseudoMask:
    """What a weak point ends with: `rle` is None where it is unmasked; `outcome` says how it came to that."""

    rle: Rle | None
    outcome: str


OUTCOMES = {
    "rough": "the proposal's mask, as it is",
    "refined": "the refined mask",
    "refined_from_empty": "the refined mask, where the proposal's was empty",
    "unmasked_no_proposal": "none: the published filter dropped the proposal",
    "unmasked_rough_empty": "none: the proposal's mask is empty, and nothing refined it",
    "unmasked_refined_empty": "none: the refiner emptied the proposal's mask",
    "unmasked_both_empty": "none: the proposal's mask is empty, and so is the refined one",
}


def proposals_by_point(proposals: Coco, weak: Coco, path: Path) -> dict[int, dict[str, Any]]:
    """Weak annotation id -> its proposal; a point has none if the proposals were filtered as published.

    Raises:
        InputError: a proposal of no weak point, a second one of the same point, or other categories.
    """
    if class_indices(proposals) != class_indices(weak):
        raise InputError(f"{path}: its categories are not those of weak.json; run propose again")
    points = {annotation["id"] for annotation in weak["annotations"]}
    found: dict[int, dict[str, Any]] = {}
    for proposal in proposals["annotations"]:
        point_id = proposal["point_id"]
        if point_id not in points or point_id in found:
            trouble = "has two proposals" if point_id in found else "is not in weak.json"
            raise InputError(f"{path}: point {point_id} of proposal {proposal['id']} {trouble}; run propose again")
        found[point_id] = proposal
    return found


def rough_mask(proposal: Mapping[str, Any] | None, height: int, width: int) -> PseudoMask:
    """The proposal's mask as it is, or unmasked where there is no proposal or its mask is empty."""
    if proposal is None:
        return PseudoMask(None, "unmasked_no_proposal")
    rle = _text(compressed(proposal["segmentation"], height, width)) if proposal["segmentation"] else None
    if rle is None or not mask_api.area(rle):
        return PseudoMask(None, "unmasked_rough_empty")
    return PseudoMask(rle, "rough")


def refined_mask(refined: np.ndarray, rough_was_empty: bool) -> PseudoMask:
    """The refined mask (H, W), or unmasked where it is empty: never the rough mask in its place."""
    if refined.any():
        return PseudoMask(encode_mask(refined), "refined_from_empty" if rough_was_empty else "refined")
    return PseudoMask(None, "unmasked_both_empty" if rough_was_empty else "unmasked_refined_empty")


def training_set(
    full: Coco, weak: Coco, proposals: Mapping[int, Mapping[str, Any]], masks: Mapping[int, PseudoMask]
) -> dict[str, Any]:
    """COCO: all images of full and weak; full annotations (source full), then one per weak point (source pseudo).

    Raises:
        InputError: full and weak differ in their categories, or an image is in both.
    """
    _check(full, weak)
    annotations = [{**annotation, "source": "full"} for annotation in full["annotations"]]
    first = 1 + max((annotation["id"] for annotation in annotations), default=0)
    for number, point in enumerate(weak["annotations"], start=first):
        annotations.append(_pseudo(number, point, proposals.get(point["id"]), masks[point["id"]]))
    return {
        "images": [*full["images"], *weak["images"]],
        "categories": full["categories"],
        "annotations": annotations,
    }


def counts(full: Coco, weak: Coco, masks: Mapping[int, PseudoMask]) -> dict[str, int]:
    """Numbers of images, full annotations, weak points, and of every outcome; pseudo_masks + unmasked = weak_points."""
    outcomes = {outcome: sum(1 for mask in masks.values() if mask.outcome == outcome) for outcome in OUTCOMES}
    unmasked = sum(1 for mask in masks.values() if mask.rle is None)
    with_points = {annotation["image_id"] for annotation in weak["annotations"]}
    return {
        "full_images": len(full["images"]),
        "full_annotations": len(full["annotations"]),
        "weak_images": len(weak["images"]),
        "weak_images_verified_empty": len(weak["images"]) - len(with_points),
        "weak_points": len(weak["annotations"]),
        "pseudo_masks": len(masks) - unmasked,
        "unmasked": unmasked,
        **outcomes,
    }


def _pseudo(
    number: int, point: Mapping[str, Any], proposal: Mapping[str, Any] | None, mask: PseudoMask
) -> dict[str, Any]:
    """Annotation of a weak point; without mask there is no box and no area either."""
    annotation = {
        "id": number,
        "image_id": point["image_id"],
        "category_id": point["category_id"],
        "segmentation": mask.rle,
        "iscrowd": 0,
        "source": "pseudo",
        "outcome": mask.outcome,
        "score": 0.0 if proposal is None else proposal["score"],
        "point": list(point["point"]),
        "point_id": point["id"],
    }
    if mask.rle is not None:
        annotation["bbox"] = [int(side) for side in mask_api.toBbox(mask.rle)]
        annotation["area"] = int(mask_api.area(mask.rle))
    return annotation


def _text(rle: Rle) -> Rle:
    """The RLE with counts as text, ready for JSON."""
    counts = rle["counts"]
    return {"size": list(rle["size"]), "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}


def _check(full: Coco, weak: Coco) -> None:
    if class_indices(full) != class_indices(weak):
        raise InputError("full.json and weak.json have other categories; run split and points again")
    both = {image["id"] for image in full["images"]} & {image["id"] for image in weak["images"]}
    if both:
        raise InputError(f"image {min(both)} is both in full.json and in weak.json; run split and points again")
