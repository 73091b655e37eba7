"""What stages with a network leave, without the network: a made-up study has these in their places."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wssis.config.mask_stages import ProposalsSettings, PseudoSettings
from wssis.config.maskrcnn import BoxStudentSettings
from wssis.config.network import RefineNetSettings, SOLOv2Settings
from wssis.config.section import Section
from wssis.config.segmentor_stages import EvaluateSettings
from wssis.engine.box_predictor import MaskInBox
from wssis.engine.coco_metrics import summarise
from wssis.engine.pseudo_set import PseudoMask, TrainingSet, rough_mask
from wssis.formats.atomic import write_json, write_text
from wssis.formats.checkpoint import save_model
from wssis.formats.coco import annotations_by_image, compressed, encode_mask, mask_box, read_coco, write_coco
from wssis.formats.ledger import LedgerRow, open_ledger
from wssis.formats.manifest import StageRun
from wssis.formats.points import read_full_points
from wssis.formats.scores import METRICS, write_scores
from wssis.formats.split import assign_folds

STUDY = Path("results/mini")
DATASET = STUDY / "shapes"
NETWORK = SOLOv2Settings()
FOLDS = 2


def leave_training(
    stage: str,
    given: Section,
    inputs: dict[str, Path],
    out: Path,
    weights: float,
    snapshots: dict[str, int] | None = None,
) -> None:
    """What a training leaves, without a training."""
    others: dict[str, Section] = {"refiner": RefineNetSettings()}
    others |= {"box_student": given.network} if isinstance(given, BoxStudentSettings) else {}
    network: Section = others.get(stage, NETWORK)
    kind = {"refiner": "maskrefinenet", "box_student": "mask-rcnn"}.get(stage, "solov2")
    categories = sorted(read_coco(DATASET / "train.json")["categories"], key=lambda one: one["id"])
    metadata = {"kind": kind, "network": network.model_dump_json(), "categories": json.dumps(categories)}
    with StageRun(stage, out / "manifest.json", given, inputs) as run:
        for name, step in ({"model": 40} | (snapshots or {})).items():
            tensors = {"head.weight": torch.full((2, 3), weights), "head.bias": torch.full((2,), float(step))}
            save_model(out / f"{name}.safetensors", tensors, {**metadata, "step": str(step)})
            run.output(out / f"{name}.safetensors")
        lines = [{"step": step, "dice": 3 / step, "lr": 0.01, "images_per_second": 9.0, "seconds": step / 4.5}
                 for step in (1, 20, 40)]  # fmt: skip
        write_text(out / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        run.output(out / "metrics.jsonl")
        run.counts.update(_training_counts(stage, given, inputs), steps=40, training_seconds=8.9)


def _training_counts(stage: str, given: Any, inputs: dict[str, Path]) -> dict[str, int]:
    if stage == "refiner":
        made = json.loads(inputs["crops"].with_name("full.zarr.manifest.json").read_text())["counts"]
        return {"pairs": made["crops"], "objects": made["objects"]}
    if stage == "box_student":
        parts = [read_coco(inputs[name]) for name in ("full", "box_points")]
        objects = [one for part in parts for one in part["annotations"]]
        return {
            "images": sum(len(part["images"]) for part in parts), "objects": len(objects),
            "masks": sum("segmentation" in one for one in objects),
            "points": sum(len(one.get("point_labels", ())) for one in objects),
        }  # fmt: skip
    coco = read_coco(inputs["training_set" if stage == "student" else "full"])
    images, annotations = coco["images"], coco["annotations"]
    if stage == "fold":
        fold = assign_folds([image["id"] for image in images], given.folds, given.seed)
        images = [image for image in images if fold[image["id"]] != given.fold]
        annotations = [one for one in annotations if fold[one["image_id"]] != given.fold]
    found = {"images": len(images), "objects": len(annotations)}
    if stage == "student":
        found["unmasked"] = sum(not one["segmentation"] for one in annotations)
    if "box_points" in inputs:
        boxed = read_coco(inputs["box_points"])
        found |= {"boxes": len(boxed["annotations"]), "points": 10 * len(boxed["annotations"])}
        found["images"] += len(boxed["images"])
        found["objects"] += found["boxes"]
    return found


def leave_proposals(run: Path, side: str, seed: int, around: str = "") -> None:
    """A square around every point; the first one empty."""
    given = ProposalsSettings(folds=FOLDS, fold_seed=seed)
    annotations, out = run / f"{side}.json", run / f"{around}proposals/{side}.json"
    inputs = {"annotations": annotations, "images_table": DATASET / "images.csv"}
    if side == "full":
        inputs |= {f"fold{k}": run / f"folds/{k}/model.safetensors" for k in range(FOLDS)}
        inputs["full_points"] = run / "full_points.csv"
    else:
        inputs["teacher"] = run / ("students/wssis" if around else "teacher") / "model.safetensors"
    with StageRun("proposals", out.with_name(f"{out.name}.manifest.json"), given, inputs) as stage:
        coco = read_coco(annotations)
        places = read_full_points(run / "full_points.csv") if side == "full" else {}
        fold = assign_folds([image["id"] for image in coco["images"]], FOLDS, seed)
        made, rows = [], []
        for number, one in enumerate(coco["annotations"], start=1):
            x, y = places[one["id"]] if side == "full" else one["point"]
            predictor = f"fold{fold[one['image_id']]}" if side == "full" else "teacher"
            made.append(_proposal(number, one, x, y, predictor))
            rows.append(_row(made[-1]))
        write_coco(out, {"images": coco["images"], "annotations": made, "categories": coco["categories"]})
        with open_ledger(out.with_suffix(".csv")) as write:
            for row in rows:
                write(row)
        statuses = [row.status for row in rows]
        predictors = [row.predictor for row in rows]
        stage.counts.update(
            images=len(coco["images"]), points=len(rows), records=len(rows),
            **{f"status_{word}": statuses.count(word) for word in set(statuses)},
            **{f"predictor_{word}": predictors.count(word) for word in set(predictors)},
        )  # fmt: skip
        stage.output(out, out.with_suffix(".csv"))


def _proposal(number: int, one: dict[str, Any], x: float, y: float, predictor: str) -> dict[str, Any]:
    mask = np.zeros((64, 64), bool)
    if number > 1:
        mask[max(0, int(y) - 5) : int(y) + 6, max(0, int(x) - 5) : int(x) + 6] = True
    return {
        "id": number, "image_id": one["image_id"], "category_id": one["category_id"], "point_id": one["id"],
        "point": [x, y], "segmentation": encode_mask(mask), "bbox": mask_box(mask), "area": int(mask.sum()),
        "iscrowd": 0, "score": 0.5, "predictor": predictor, "status": "kept" if number > 1 else "empty",
    }  # fmt: skip


def _row(made: dict[str, Any]) -> LedgerRow:
    return LedgerRow(
        image_id=made["image_id"], point_id=made["point_id"], category_id=made["category_id"], x=made["point"][0],
        y=made["point"][1], predictor=made["predictor"], proposal_id=made["id"], status=made["status"], level=1,
        score=0.5, maskness=0.8, category_score=0.6, area=made["area"], own_point_inside=made["area"] > 0,
        foreign_points=0, same_class_points=0, fallback=False, shares_mask_with="",
    )  # fmt: skip


def leave_refined(run: Path, arm: str, around: str = "") -> None:
    """The training set of an arm with a refiner: the rough masks, called refined."""
    out = run / f"pseudo/{arm}.json"
    given = {name: run / f"{name}.json" for name in ("full", "weak")}
    given["proposals"] = run / f"{around}proposals/weak.json"
    inputs = given | {"crops": run / f"{around}crops/weak.zarr", "refiner": run / "refiner/model.safetensors"}
    with StageRun("pseudo", out.with_name(f"{out.name}.manifest.json"), PseudoSettings(), inputs) as stage:
        full, weak, proposals = (read_coco(path) for path in given.values())
        rough = {one["point_id"]: rough_mask(one, 64, 64) for one in proposals["annotations"]}
        masks = {key: PseudoMask(one.rle, "refined" if one.rle else "unmasked_both_empty", one.score)
                 for key, one in rough.items()}  # fmt: skip
        made = TrainingSet(full, full["annotations"], weak, weak["annotations"], masks)
        write_coco(out, made.coco())
        stage.counts.update(made.counts())
        stage.output(out)


def leave_scores(network: Path) -> Path:
    """Scores of detections that are the truth but for a third of the objects."""
    inputs = {"model": network / "model.safetensors", "val": DATASET / "val.json"}
    inputs["images_table"] = DATASET / "images.csv"
    with StageRun("evaluate", network / "evaluate.manifest.json", EvaluateSettings(), inputs) as stage:
        val = read_coco(DATASET / "val.json")
        found = [_detection(one, 0.9) for one in val["annotations"] if one["id"] % 3]
        scores = summarise(val, found, 100)
        write_json(network / "detections.json", found)
        write_scores(network / "scores.json", scores)
        stage.output(network / "detections.json", network / "scores.json")
        stage.counts |= {key: scores[key] for key in ("images", "objects", "crowd", "detections")}
        stage.counts |= {key: scores[key] for key in METRICS if scores[key] is not None}
    return network / "scores.json"


def filled_boxes(_: Section, boxed: dict[str, Any], *__: object) -> Iterator[tuple[int, MaskInBox]]:
    """In the place of a network: every box is filled, but for the first, which stays empty."""
    for number, one in enumerate(boxed["annotations"]):
        x, y, width, height = one["bbox"]
        mask = np.zeros((64, 64), bool)
        mask[y : y + height, x : x + width] = number > 0
        yield one["id"], MaskInBox(encode_mask(mask), 0.75)


def all_found(checkpoint: Path, coco: dict[str, Any], *_: object) -> list[dict[str, Any]]:
    """In the place of a fold teacher: every object of the images, with a score of .6."""
    images = {image["id"] for image in coco["images"]}
    return [_detection(one, 0.6) for one in coco["annotations"] if one["image_id"] in images]


def some_sure(checkpoint: Path, coco: dict[str, Any], *_: object) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """In the place of the teacher: every object, two of three of them surely; nothing surely on the first image."""
    annotations = annotations_by_image(read_coco(DATASET / "train.json"))
    for place, image in enumerate(coco["images"]):
        found = annotations[image["id"]]
        yield image["id"], [_detection(one, 0.8 if place and one["id"] % 3 else 0.4) for one in found]


def _detection(one: dict[str, Any], score: float) -> dict[str, Any]:
    rle = _text(compressed(one["segmentation"], 64, 64))
    kept = {key: one[key] for key in ("image_id", "category_id", "bbox")}
    return {**kept, "score": score, "segmentation": rle}


def _text(rle: dict[str, Any]) -> dict[str, Any]:
    counts = rle["counts"]
    return {"size": list(rle["size"]), "counts": counts.decode() if isinstance(counts, bytes) else counts}
