"""COCO mask and box AP for any limit of detections per image; matching is pycocotools' or hotcoco's, the summary ours.

pycocotools' own summary knows only 1, 10 and 100 detections per image. Detections are COCO results: image_id,
category_id, score, segmentation (compressed RLE), bbox [x, y, w, h]. All AP are 0-100, None where undefined.
"""

import contextlib
import copy
import io
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as mask_api
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from wssis.errors import InputError

if TYPE_CHECKING:
    from hotcoco import COCOeval as FastCOCOeval

    Evaluator = COCOeval | FastCOCOeval

AREAS = ("all", "small", "medium", "large")
ALL_AREAS = slice(0, 4)
ONE_AREA = slice(0, 1)


def _index(dataset: Mapping[str, Any]) -> COCO:
    coco = COCO()
    coco.dataset = dataset
    coco.createIndex()
    return coco


def _truth(coco: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with ids from 1 (pycocotools takes a match with annotation 0 for none) that it may write into."""
    annotations = [
        {**annotation, "id": number, "iscrowd": annotation.get("iscrowd", 0)}
        for number, annotation in enumerate(coco["annotations"], start=1)
    ]
    return {"images": coco["images"], "categories": coco["categories"], "annotations": annotations}


def _results(detections: Sequence[Mapping[str, Any]], kind: Literal["segm", "bbox"]) -> list[dict[str, Any]]:
    """Detections as annotations; their area is that of the mask for masks, of the box for boxes."""
    rows = []
    for number, detection in enumerate(detections, start=1):
        row = {key: detection[key] for key in ("image_id", "category_id", "score", "bbox")}
        row |= {"id": number, "iscrowd": 0}
        if kind == "segm":
            row["segmentation"] = dict(detection["segmentation"])
            row["area"] = float(mask_api.area(detection["segmentation"]))
        else:
            row["area"] = detection["bbox"][2] * detection["bbox"][3]
        rows.append(row)
    return rows


def match(
    coco: Mapping[str, Any],
    detections: Sequence[Mapping[str, Any]],
    max_detections: int,
    kind: Literal["segm", "bbox"] = "segm",
    areas: slice = ALL_AREAS,
) -> COCOeval:
    """Match detections with truth and accumulate, by pycocotools.

    Args:
        coco: truth; crowd regions are ignored as COCO does.
        detections: of images of `coco` only; may be empty.
        max_detections: per image and class, the best by score.
        kind: masks or boxes.
        areas: which of `AREAS` to evaluate.

    Returns:
        The evaluator: `evalImgs` per class, area and image, and `eval` with arrays of one maxDets entry, the last.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        truth = _index(copy.deepcopy(_truth(coco)) if kind == "segm" else _truth(coco))
        results = _index({"images": coco["images"], "categories": coco["categories"],
                          "annotations": _results(detections, kind)})  # fmt: skip
        evaluator = COCOeval(truth, results, kind)
        evaluator.params.maxDets = [max_detections]
        evaluator.params.areaRng = evaluator.params.areaRng[areas]
        evaluator.params.areaRngLbl = evaluator.params.areaRngLbl[areas]
        evaluator.evaluate()
        evaluator.accumulate()
    return evaluator


def fast_match(
    coco: Mapping[str, Any],
    detections: Sequence[Mapping[str, Any]],
    max_detections: int,
    kind: Literal["segm", "bbox"] = "segm",
    areas: slice = ALL_AREAS,
) -> "FastCOCOeval":
    """`match` by hotcoco, ten times as quick (docs/performance.md); its evaluator has the same `params` and `eval`."""
    from hotcoco import COCO as FastCOCO
    from hotcoco import COCOeval as FastCOCOeval

    truth = FastCOCO(_truth(coco))
    rows = _results(detections, kind)
    if kind == "segm":  # Where a result has a box, hotcoco takes the box's area for the mask's.
        rows = [{key: value for key, value in row.items() if key != "bbox"} for row in rows]
    evaluator = FastCOCOeval(truth, truth.load_res(rows), kind)
    evaluator.params.maxDets = [max_detections]
    evaluator.params.areaRng = evaluator.params.areaRng[areas]
    evaluator.params.areaRngLbl = evaluator.params.areaRngLbl[areas]
    evaluator.evaluate()
    evaluator.accumulate()
    return evaluator


def require(evaluator: str) -> None:
    """InputError, before any long work, where the evaluator of the settings is not installed."""
    if find_spec(evaluator) is None:
        raise InputError(
            f"evaluate.evaluator is {evaluator}, which is not installed: pip install 'wssis[{evaluator}]', or set it"
            " to pycocotools"
        )


def average_precision(evaluator: "Evaluator", iou: float | None = None, area: str = "all") -> float | None:
    """AP over the classes that have truth, and over IoU .5 to .95 or at one IoU."""
    return _percent(_precision(evaluator, iou, area))


def class_average_precision(evaluator: "Evaluator", iou: float | None = None) -> list[float | None]:
    """AP of every class, in the order of `evaluator.params.catIds`."""
    precision = _precision(evaluator, iou, "all")
    return [_percent(precision[:, :, index]) for index in range(precision.shape[2])]


def _precision(evaluator: "Evaluator", iou: float | None, area: str) -> NDArray[np.float64]:
    """Precision (IoU thresholds, 101 recalls, classes); -1 where there is no truth."""
    thresholds = slice(None) if iou is None else np.flatnonzero(np.isclose(evaluator.params.iouThrs, iou))
    return np.asarray(evaluator.eval["precision"])[thresholds, :, :, evaluator.params.areaRngLbl.index(area), -1]


def _percent(precision: NDArray[np.float64]) -> float | None:
    defined = precision[precision > -1]
    return float(np.mean(defined)) * 100 if defined.size else None


def summarise(
    coco: Mapping[str, Any],
    detections: Sequence[Mapping[str, Any]],
    max_detections: int,
    evaluator: Literal["pycocotools", "hotcoco"] = "pycocotools",
) -> dict[str, Any]:
    """What scores.json holds: mask AP in all sizes, box AP, per-class AP, and the counts it rests on."""
    matched = fast_match if evaluator == "hotcoco" else match
    masks = matched(coco, detections, max_detections, "segm")
    boxes = matched(coco, detections, max_detections, "bbox", ONE_AREA)
    return {
        "AP": average_precision(masks),
        "AP50": average_precision(masks, iou=0.5),
        "AP75": average_precision(masks, iou=0.75),
        **{f"AP_{area}": average_precision(masks, area=area) for area in AREAS[1:]},
        "bbox_AP": average_precision(boxes),
        "max_detections": max_detections,
        "images": len(coco["images"]),
        "objects": sum(not a.get("iscrowd", 0) for a in coco["annotations"]),
        "crowd": sum(bool(a.get("iscrowd", 0)) for a in coco["annotations"]),
        "detections": len(detections),
        "per_class": _per_class(coco, masks),
    }


def _per_class(coco: Mapping[str, Any], masks: "Evaluator") -> list[dict[str, Any]]:
    names = {category["id"]: category["name"] for category in coco["categories"]}
    counts = dict.fromkeys(names, 0)
    for annotation in coco["annotations"]:
        counts[annotation["category_id"]] += not annotation.get("iscrowd", 0)
    rows = zip(masks.params.catIds, class_average_precision(masks), class_average_precision(masks, 0.5), strict=True)
    return [
        {"category_id": int(key), "name": names[key], "objects": counts[key], "AP": ap, "AP50": ap50}
        for key, ap, ap50 in rows
    ]
