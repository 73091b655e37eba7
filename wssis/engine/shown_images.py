"""Which weak images the report shows: half spread over pseudo-mask quality from worst to best, half at random."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wssis.engine.pseudo_quality import PointQuality
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


def shown_record(
    rows: Sequence[PointQuality],
    number: int,
    truth: Mapping[str, Any],
    weak: Mapping[str, Any],
    rough: Mapping[int, Mapping[str, Any]] | None,
    labels: Mapping[int, Mapping[str, Any]],
) -> dict[str, Any]:
    """What shown.json holds: the rule, the categories, and per image its points, masks and hidden masks (RLE).

    rough, labels: as for `point_qualities`.
    """
    chosen = choose_images(rows, number)
    images = {image["id"]: image for image in weak["images"]}
    masks = {
        "rough": {weak_id: one.get("segmentation") for weak_id, one in (rough or {}).items()},
        "pseudo": {weak_id: one["segmentation"] for weak_id, one in labels.items()},
        "truth": {a["id"]: a["segmentation"] for a in truth["annotations"]},
    }
    points = {annotation["id"]: annotation["point"] for annotation in weak["annotations"]}
    records = []
    for image_id, reason in chosen.items():
        image = images[image_id]
        objects = [_object(row, points[row.weak_id], masks, image) for row in rows if row.image_id == image_id]
        kept = {key: image[key] for key in ("id", "file_name", "height", "width")}
        records.append({**kept, "why": reason, "objects": objects})
    return {"rule": RULE, "categories": weak["categories"], "images": records}


def _object(
    row: PointQuality, point: Sequence[float], masks: Mapping[str, Mapping[int, Any]], image: Mapping[str, Any]
) -> dict[str, Any]:
    size = image["height"], image["width"]
    return {
        "weak_id": row.weak_id,
        "annotation_id": row.annotation_id,
        "category_id": row.category_id,
        "point": list(point),
        "iou_rough": row.iou_rough,
        "iou_pseudo": row.iou_pseudo,
        "rough": _rle(masks["rough"].get(row.weak_id), *size),
        "pseudo": _rle(masks["pseudo"].get(row.weak_id), *size),
        "truth": _rle(masks["truth"][row.annotation_id], *size),
    }


def _rle(segmentation: Any, height: int, width: int) -> dict[str, Any] | None:
    """Compressed RLE with text counts, or None without a mask."""
    if not segmentation:
        return None
    rle = compressed(segmentation, height, width)
    counts = rle["counts"].decode("ascii") if isinstance(rle["counts"], bytes) else rle["counts"]
    return {"size": [height, width], "counts": counts}
