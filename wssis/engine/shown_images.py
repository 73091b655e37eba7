"""Which weak images the report shows: a few by a fair rule, and more for its gallery by what is worth a look."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from wssis.engine.label_places import place_of_label
from wssis.engine.pseudo_quality import PointQuality
from wssis.engine.pseudo_set import text_rle
from wssis.formats.coco import compressed

RULE = (
    "Half of the images stand at equal steps of the ranking by mean IoU of their pseudo masks with the hidden truth,"
    " from worst to best; the other half is drawn at random (seed 0). Images without objects are not drawn."
)


def choose_images(rows: Sequence[PointQuality], number: int) -> dict[int, str]:
    """Image id -> why it is shown; at most `number` images, fewer where there are fewer.

    The ranking takes the middle of each of equal parts, so neither the very best nor the very worst is sought out.
    """
    ious: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        ious[row.image_id].append(row.iou_pseudo)
    ranked = sorted(ious, key=lambda image_id: (float(np.mean(ious[image_id])), image_id))
    number = min(number, len(ranked))
    spread = number - number // 2
    chosen = {}
    for part in range(spread):
        rank = int((part + 0.5) * len(ranked) / spread)
        chosen[ranked[rank]] = f"rank {rank + 1} of {len(ranked)} by mask quality, 1 being the worst"
    rest = sorted(set(ranked) - set(chosen))
    for image_id in np.random.default_rng(0).permutation(rest)[: number - len(chosen)]:
        chosen[int(image_id)] = "drawn at random"
    return chosen


def choose_gallery(
    rows: Sequence[PointQuality], fallen: Set[int], number: int, without: Set[int]
) -> dict[int, str]:
    """Image id -> why it is in the gallery; at most `number` further images, in the order in which they are looked at.

    A third for points without a mask, a third for points that fell back to a mask of lower rank, and the rest in turns
    for the worst and the best masks; what one kind leaves goes to the next.

    Args:
        fallen: ids in weak.json of points that fell back.
        without: images that are shown anyway.
    """
    masked = sorted((row for row in rows if row.status == "masked"), key=lambda row: (row.iou_pseudo, row.weak_id))
    turns = [row for pair in zip(masked, reversed(masked), strict=True) for row in pair]
    kinds = {
        "a point without a mask": ([row for row in rows if row.status != "masked"], number // 3),
        "a point that fell back to another level": ([row for row in masked if row.weak_id in fallen], 2 * number // 3),
        "among the worst and the best masks": (turns, number),
    }
    chosen: dict[int, str] = {}
    for why, (found, limit) in kinds.items():
        for row in found:
            if len(chosen) >= limit:
                break
            if row.image_id not in without:
                chosen.setdefault(row.image_id, f"{why}: IoU {row.iou_pseudo:.2f}" if found is turns else why)
    return chosen


def shown_record(
    rows: Sequence[PointQuality],
    number: int,
    gallery: int,
    truth: Mapping[str, Any],
    weak: Mapping[str, Any],
    rough: Mapping[int, Mapping[str, Any]] | None,
    labels: Mapping[int, Mapping[str, Any]],
) -> dict[str, Any]:
    """What shown.json holds: the rule, the categories, and per image its points, masks and hidden masks (RLE).

    Images with `fair` true were chosen by the rule, `number` of them; `gallery` others by what is worth a look.

    rough: weak id -> proposal, None for an arm without proposals; labels: weak id -> pseudo label.
    """
    levels = {weak_id: one["status"] for weak_id, one in (rough or {}).items()}
    fair = choose_images(rows, number)
    fallen = {point for point, status in levels.items() if status == "fallback"}
    chosen = fair | choose_gallery(rows, fallen, gallery, fair.keys())
    by_image: dict[int, list[PointQuality]] = defaultdict(list)
    for row in rows:
        by_image[row.image_id].append(row)
    images = {image["id"]: image for image in weak["images"]}
    masks = {
        "rough": {weak_id: one.get("segmentation") for weak_id, one in (rough or {}).items()},
        "pseudo": {weak_id: one["segmentation"] for weak_id, one in labels.items()},
        "truth": {a["id"]: a["segmentation"] for a in truth["annotations"]},
    }
    points = {annotation["id"]: place_of_label(annotation) for annotation in weak["annotations"]}
    records = []
    for image_id, reason in chosen.items():
        image = images[image_id]
        objects = [
            {**_object(row, points[row.weak_id], masks, image), "proposal": levels.get(row.weak_id)}
            for row in by_image[image_id]
        ]
        kept = {key: image[key] for key in ("id", "file_name", "height", "width")}
        records.append({**kept, "why": reason, "fair": image_id in fair, "objects": objects})
    return {"rule": RULE, "categories": weak["categories"], "images": records}


def _object(
    row: PointQuality, point: Sequence[float], masks: Mapping[str, Mapping[int, Any]], image: Mapping[str, Any]
) -> dict[str, Any]:
    size = image["height"], image["width"]
    return {
        "weak_id": row.weak_id,
        "annotation_id": row.annotation_id,
        "category_id": row.category_id,
        "area": row.area,
        "touching": row.touching,
        "status": row.status,
        "point": list(point),
        "iou_rough": row.iou_rough,
        "iou_pseudo": row.iou_pseudo,
        "rough": _rle(masks["rough"].get(row.weak_id), *size),
        "pseudo": _rle(masks["pseudo"].get(row.weak_id), *size),
        "truth": _rle(masks["truth"][row.annotation_id], *size),
    }


def _rle(segmentation: Any, height: int, width: int) -> dict[str, Any] | None:
    """Compressed RLE with text counts, or None without a mask."""
    return text_rle(compressed(segmentation, height, width)) if segmentation else None
