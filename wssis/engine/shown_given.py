"""What can be told of pseudo masks where nobody has drawn the true ones: what became of each click, and pictures."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as mask_api

from wssis.engine.pseudo_quality import HALF, mask_iou
from wssis.engine.pseudo_set import text_rle
from wssis.formats.coco import annotations_by_image, compressed, decode_mask

Annotation = Mapping[str, Any]
RULE = (
    "Half of the images stand at equal steps of the ranking by the mean score of their pseudo masks, from the least to"
    " the most sure; the other half is drawn at random (seed 0). Images without clicks are not drawn."
)


@dataclass(frozen=True)
class ClickFate:
    """What became of one click.

    Attributes:
        weak_id: annotation id in weak.json.
        status: masked, unmasked (kept without a mask) or dropped (no pseudo label at all).
        score: of the pseudo label; 0 without one.
        area: of its mask, px; None without one.
        inside: whether the click lies on its mask; None without one.
    """

    weak_id: int
    image_id: int
    category_id: int
    status: str
    score: float
    area: int | None
    inside: bool | None


def labels_on_clicks(labels: Iterable[Annotation], weak: Mapping[str, Any]) -> dict[int, Annotation]:
    """Weak id -> the label whose mask the click lies on, for labels that were made without clicks.

    The likeliest label takes the first click of its class that lies on it and has none; each click and label once.
    """
    images = {image["id"]: image for image in weak["images"]}
    clicks = annotations_by_image(weak)
    found: dict[int, Annotation] = {}
    for label in sorted(labels, key=lambda label: (-label["score"], label["id"])):
        image = images[label["image_id"]]
        near = [c for c in clicks[image["id"]] if c["category_id"] == label["category_id"] and c["id"] not in found]
        mask = decode_mask(label, image["height"], image["width"]) if near else None
        click = next((click for click in near if mask is not None and _on(mask, click["point"])), None)
        if click is not None:
            found[click["id"]] = label
    return found


def fates(weak: Mapping[str, Any], labels: Mapping[int, Annotation]) -> list[ClickFate]:
    """One record per click of weak.json, in its order; labels: weak id -> pseudo label."""
    images = {image["id"]: image for image in weak["images"]}
    return [_fate(click, labels.get(click["id"]), images[click["image_id"]]) for click in weak["annotations"]]


def _fate(click: Annotation, label: Annotation | None, image: Mapping[str, Any]) -> ClickFate:
    area = inside = None
    if label is not None and label["segmentation"]:
        mask = decode_mask(label, image["height"], image["width"])
        area, inside = int(mask.sum()), _on(mask, click["point"])
    status = "dropped" if label is None else "unmasked" if area is None else "masked"
    score = 0.0 if label is None else float(label.get("score") or 0.0)
    return ClickFate(click["id"], click["image_id"], click["category_id"], status, score, area, inside)


def _on(mask: NDArray[np.bool_], point: Sequence[float]) -> bool:
    """Whether the pixel that a point lies in is one of the mask's."""
    column, row = (int(np.floor(value + 0.5)) for value in point)
    return bool(mask[row, column])


def summarise_fates(found: Sequence[ClickFate]) -> dict[str, int]:
    """Clicks by what became of them; `click_outside` counts masks that miss the click they were made for."""
    counts = {"points": len(found)}
    counts |= {status: sum(one.status == status for one in found) for status in ("masked", "unmasked", "dropped")}
    return counts | {"click_outside": sum(one.inside is False for one in found)}


def summarise_pairs(full: Mapping[str, Any], pairs: Iterable[Annotation]) -> dict[str, int | float]:
    """IoU of rough masks on the full images with their true masks; an object without a rough mask counts as 0.

    Args:
        full: full.json.
        pairs: annotations of proposals/full.json, one for an object at most, each predicted by a network that has not
            seen its image. The published filter drops some points: their objects have none.
    """
    rough = {one["point_id"]: one.get("segmentation") for one in pairs}
    sizes = {image["id"]: (image["height"], image["width"]) for image in full["images"]}
    ious = [
        mask_iou(rough.get(one["id"]), one["segmentation"], *sizes[one["image_id"]])
        for one in full["annotations"]
        if not one["iscrowd"]
    ]
    if not ious:
        return {"pairs": 0}
    values = np.array(ious)
    return {
        "pairs": len(ious),
        "mean_iou_pairs": round(float(values.mean()), 6),
        "above_half_pairs": round(float((values >= HALF).mean()), 6),
    }


def choose_by_score(found: Sequence[ClickFate], number: int) -> dict[int, str]:
    """Image id -> why it is shown, by `RULE`; at most `number` images."""
    scores: dict[int, list[float]] = defaultdict(list)
    for one in found:
        scores[one.image_id].append(one.score)
    ranked = sorted(scores, key=lambda image_id: (float(np.mean(scores[image_id])), image_id))
    number = min(number, len(ranked))
    spread = number - number // 2
    chosen = {}
    for part in range(spread):
        rank = int((part + 0.5) * len(ranked) / spread)
        chosen[ranked[rank]] = f"rank {rank + 1} of {len(ranked)} by score, 1 being the least sure"
    rest = sorted(set(ranked) - set(chosen))
    for image_id in np.random.default_rng(0).permutation(rest)[: number - len(chosen)]:
        chosen[int(image_id)] = "drawn at random"
    return chosen


def choose_worth_a_look(
    found: Sequence[ClickFate], fallen: Set[int], number: int, without: Set[int]
) -> dict[int, str]:
    """Image id -> why it is in the gallery; at most `number` further images: a third for clicks without a mask, a third
    for those that fell back to a mask of lower rank, the rest for masks that miss their click and the least sure ones.

    Args:
        fallen: ids in weak.json of clicks that fell back.
        without: images that are shown anyway.
    """
    masked = sorted((one for one in found if one.status == "masked"), key=lambda one: (one.score, one.weak_id))
    missed = [one for one in masked if one.inside is False]
    kinds = {
        "a click without a mask": ([one for one in found if one.status != "masked"], number // 3),
        "a click that fell back to another level": ([one for one in masked if one.weak_id in fallen], 2 * number // 3),
        "a mask that misses its click": (missed, 5 * number // 6),
        "among the least sure masks": (masked, number),
    }
    chosen: dict[int, str] = {}
    for why, (ones, limit) in kinds.items():
        for one in ones:
            if len(chosen) >= limit:
                break
            if one.image_id not in without:
                chosen.setdefault(one.image_id, why)
    return chosen


def given_record(
    found: Sequence[ClickFate],
    number: int,
    gallery: int,
    weak: Mapping[str, Any],
    rough: Mapping[int, Annotation] | None,
    labels: Mapping[int, Annotation],
) -> dict[str, Any]:
    """What shown.json holds where nobody knows the true masks: as elsewhere, without truth, IoU and neighbours.

    rough: weak id -> proposal, None for an arm without proposals; labels: weak id -> pseudo label.
    """
    rough = rough or {}
    fallen = {weak_id for weak_id, one in rough.items() if one["status"] == "fallback"}
    fair = choose_by_score(found, number)
    chosen = fair | choose_worth_a_look(found, fallen, gallery, fair.keys())
    images = {image["id"]: image for image in weak["images"]}
    points = {click["id"]: click["point"] for click in weak["annotations"]}
    by_image: dict[int, list[ClickFate]] = defaultdict(list)
    for one in found:
        by_image[one.image_id].append(one)
    records = []
    for image_id, why in chosen.items():
        image = images[image_id]
        objects = [
            _object(one, points[one.weak_id], rough.get(one.weak_id), labels.get(one.weak_id), image)
            for one in by_image[image_id]
        ]
        kept = {key: image[key] for key in ("id", "file_name", "height", "width")}
        records.append({**kept, "why": why, "fair": image_id in fair, "objects": objects})
    return {"rule": RULE, "categories": weak["categories"], "images": records}


def _object(
    one: ClickFate, point: Sequence[float], rough: Annotation | None, label: Annotation | None, image: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "weak_id": one.weak_id,
        "annotation_id": None,
        "category_id": one.category_id,
        "area": one.area,
        "touching": None,
        "status": one.status,
        "score": one.score,
        "point": list(point),
        "iou_rough": None,
        "iou_pseudo": None,
        "rough": _rle(rough, image),
        "pseudo": _rle(label, image),
        "truth": None,
        "proposal": None if rough is None else rough["status"],
    }


def _rle(annotation: Annotation | None, image: Mapping[str, Any]) -> dict[str, Any] | None:
    """Compressed RLE with text counts, or None without a mask or a pixel in it."""
    found = None if annotation is None else annotation.get("segmentation")
    rle = compressed(found, image["height"], image["width"]) if found else None
    return text_rle(rle) if rle is not None and mask_api.area(rle) else None
