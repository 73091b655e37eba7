"""An arm's training set: the full annotations, and exactly one annotation for every point of the weak images."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as mask_api

from wssis.errors import InputError
from wssis.formats.coco import class_indices, compressed, encode_mask
from wssis.formats.spill import Spill

Coco = Mapping[str, Any]
Rle = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PseudoMask:
    """What a weak point ends with: `rle` is None where it is unmasked; `outcome` says how it came to that.

    score: of its proposal, 0 where it has none; uncertain: pixels that no mask loss is to count, or None.
    """

    rle: Rle | None
    outcome: str
    score: float = 0.0
    uncertain: Rle | None = None


OUTCOMES = {
    "rough": "the proposal's mask, as it is",
    "refined": "the refined mask",
    "refined_from_empty": "the refined mask, where the proposal's was empty",
    "unmasked_no_proposal": "none: the published filter dropped the proposal",
    "unmasked_rough_empty": "none: the proposal's mask is empty, and nothing refined it",
    "unmasked_refined_empty": "none: the refiner emptied the proposal's mask",
    "unmasked_both_empty": "none: the proposal's mask is empty, and so is the refined one",
}
CEILING = {"hidden": "the true mask, which only the arm oracle-mask is given"}


NO_PROPOSAL = PseudoMask(None, "unmasked_no_proposal")


def add_rough_masks(
    masks: Spill[PseudoMask],
    proposals: Iterable[Mapping[str, Any]],
    images: Mapping[int, Mapping[str, Any]],
    path: Path,
) -> None:
    """Give every weak point its proposal's mask; a point has none if the proposals were filtered as published.

    Args:
        masks: knows the annotation ids of weak.json.
        proposals: annotations of the file at `path`.
        images: id -> image of weak.json.

    Raises:
        InputError: a proposal of no weak point, or a second one of the same point.
    """
    for proposal in proposals:
        point_id = proposal["point_id"]
        if not masks.knows(point_id) or point_id in masks:
            trouble = "has two proposals" if masks.knows(point_id) else "is not in weak.json"
            raise InputError(f"{path}: point {point_id} of proposal {proposal['id']} {trouble}; run propose again")
        image = images[proposal["image_id"]]
        masks[point_id] = rough_mask(proposal, image["height"], image["width"])


def rough_mask(proposal: Mapping[str, Any], height: int, width: int) -> PseudoMask:
    """The proposal's mask as it is, or unmasked where its mask is empty."""
    score = proposal["score"]
    rle = text_rle(compressed(proposal["segmentation"], height, width)) if proposal["segmentation"] else None
    if rle is None or not mask_api.area(rle):
        return PseudoMask(None, "unmasked_rough_empty", score)
    return PseudoMask(rle, "rough", score)


def refined_mask(refined: np.ndarray, rough: PseudoMask, uncertain: np.ndarray | None = None) -> PseudoMask:
    """The refined mask (H, W), or unmasked where it is empty: never the rough mask in its place.

    uncertain: bool (H, W), pixels of which the refiner was not sure.
    """
    from_empty = rough.rle is None
    if refined.any():
        outcome = "refined_from_empty" if from_empty else "refined"
        band = encode_mask(uncertain) if uncertain is not None and uncertain.any() else None
        return PseudoMask(encode_mask(refined), outcome, rough.score, band)
    return PseudoMask(None, "unmasked_both_empty" if from_empty else "unmasked_refined_empty", rough.score)


class TrainingSet:
    """An arm's training set, made annotation by annotation, and counted on the way.

    Args:
        full, weak: frames of full.json and weak.json, without annotations.
        full_annotations, points: the annotations of the two, which are gone through once.
        masks: weak annotation id -> its mask; a point that is missing has no proposal.

    Raises:
        InputError: full and weak differ in their categories, or an image is in both.
    """

    def __init__(
        self,
        full: Coco,
        full_annotations: Iterable[Mapping[str, Any]],
        weak: Coco,
        points: Iterable[Mapping[str, Any]],
        masks: Mapping[int, PseudoMask] | Spill[PseudoMask],
    ) -> None:
        check_frames(full, weak)
        self._full, self._weak = full, weak
        self._full_annotations, self._points, self._masks = full_annotations, points, masks
        self._number = Counter(full=0, points=0, unmasked=0)
        self._outcomes: Counter[str] = Counter()
        self._with_points: set[int] = set()

    def coco(self) -> dict[str, Any]:
        """COCO: all images; the full annotations (source full), then one per weak point (source pseudo)."""
        return {
            "images": [*self._full["images"], *self._weak["images"]],
            "categories": self._full["categories"],
            "annotations": self._annotations(),
        }

    def _annotations(self) -> Iterator[dict[str, Any]]:
        last = 0
        for annotation in self._full_annotations:
            self._number["full"] += 1
            last = max(last, annotation["id"])
            yield {**annotation, "source": "full"}
        for number, point in enumerate(self._points, start=last + 1):
            mask = self._masks[point["id"]] if point["id"] in self._masks else NO_PROPOSAL
            self._count(point, mask)
            yield _pseudo(number, point, mask)

    def _count(self, point: Mapping[str, Any], mask: PseudoMask) -> None:
        self._number["points"] += 1
        self._number["unmasked"] += mask.rle is None
        self._outcomes[mask.outcome] += 1
        self._with_points.add(point["image_id"])

    def counts(self) -> dict[str, int]:
        """Numbers of images, full annotations, weak points, and of every outcome, of what has been made so far.

        pseudo_masks + unmasked = weak_points.
        """
        return {
            "full_images": len(self._full["images"]),
            "full_annotations": self._number["full"],
            "weak_images": len(self._weak["images"]),
            "weak_images_verified_empty": len(self._weak["images"]) - len(self._with_points),
            "weak_points": self._number["points"],
            "pseudo_masks": self._number["points"] - self._number["unmasked"],
            "unmasked": self._number["unmasked"],
            **{outcome: self._outcomes[outcome] for outcome in OUTCOMES},
            **{outcome: self._outcomes[outcome] for outcome in CEILING if self._outcomes[outcome]},
        }


def check_frames(full: Coco, weak: Coco) -> None:
    """InputError where full.json and weak.json differ in their categories, or an image is in both."""
    if class_indices(full) != class_indices(weak):
        raise InputError("full.json and weak.json have other categories; run split and points again")
    both = {image["id"] for image in full["images"]} & {image["id"] for image in weak["images"]}
    if both:
        raise InputError(f"image {min(both)} is both in full.json and in weak.json; run split and points again")


def _pseudo(number: int, point: Mapping[str, Any], mask: PseudoMask) -> dict[str, Any]:
    """Annotation of a weak point; without mask there is no box and no area either."""
    annotation = {
        "id": number,
        "image_id": point["image_id"],
        "category_id": point["category_id"],
        "segmentation": mask.rle,
        "iscrowd": 0,
        "source": "pseudo",
        "outcome": mask.outcome,
        "score": mask.score,
        "point": list(point["point"]),
        "point_id": point["id"],
    }
    if mask.rle is not None:
        annotation["bbox"] = [int(side) for side in mask_api.toBbox(mask.rle)]
        annotation["area"] = int(mask_api.area(mask.rle))
    if mask.uncertain is not None:
        annotation["uncertain"] = mask.uncertain
    return annotation


def text_rle(rle: Rle) -> Rle:
    """The RLE with counts as text, ready for JSON."""
    counts = rle["counts"]
    return {"size": list(rle["size"]), "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}
