"""A small sound study, written by the stages and writers of the package; only the networks are not trained."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from audit_report import write_report

from wssis.arms.registry import get_arm
from wssis.config.box_points import BoxPointsSettings, BoxPseudoSettings
from wssis.config.data_stages import (
    DataWarningsSettings,
    GenerateSettings,
    PointsSettings,
    PrepareSettings,
    SplitSettings,
)
from wssis.config.mask_stages import (
    CropsSettings,
    OracleMaskSettings,
    ProposalsSettings,
    PseudoSettings,
    QualitySettings,
    RefinerSettings,
)
from wssis.config.maskrcnn import BoxStudentSettings
from wssis.config.network import RefineNetSettings, SOLOv2Settings
from wssis.config.section import Section
from wssis.config.segmentor_stages import (
    ConfidentLabelsSettings,
    EvaluateSettings,
    FoldSettings,
    ScoreThresholdsSettings,
    StudentSettings,
    TeacherSettings,
)
from wssis.config.training import OptimizerSettings, ScheduleSettings
from wssis.engine.box_predictor import MaskInBox
from wssis.engine.coco_metrics import summarise
from wssis.engine.pseudo_set import PseudoMask, TrainingSet, rough_mask
from wssis.formats.atomic import write_json, write_text
from wssis.formats.checkpoint import save_model
from wssis.formats.coco import annotations_by_image, compressed, encode_mask, mask_box, read_coco, write_coco
from wssis.formats.ledger import LedgerRow, open_ledger
from wssis.formats.manifest import StageRun, digest_of
from wssis.formats.points import read_full_points
from wssis.formats.scores import METRICS, write_scores
from wssis.formats.split import assign_folds
from wssis.stages import (
    box_points,
    box_pseudo,
    check_images,
    confident_labels,
    crops,
    data_warnings,
    generate,
    oracle_mask,
    points,
    proposals,
    pseudo,
    quality,
    score_thresholds,
    split,
)

STUDY = Path("results/mini")
DATASET = STUDY / "shapes"
RUN = DATASET / "50pct/s0/base"
OTHER_RUN = DATASET / "50pct/s1/base"
CORRUPT_RUN = DATASET / "50pct/s0/corrupt"
SECOND = "arms/wssis-2/"
NETWORK = SOLOv2Settings()
TRAINING: dict[str, Any] = {
    "schedule": ScheduleSettings(iterations=40, warmup=1, decay="constant", steps=()),
    "optimizer": OptimizerSettings(batch=2, lr=0.01, threads=1),
}
FOLDS = 2


def build_study(folder: Path, weights: float = 0.5) -> Path:
    """Write the study below `folder`, as if it had been run there; returns its folder, results/mini.

    weights: what the made-up networks weigh; another number is another run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        drawn = GenerateSettings(size=64, train_images=10, val_images=4, classes=3, objects=(2, 4))
        generate.run(drawn, DATASET)
        sets = {"train": DATASET / "train.json", "val": DATASET / "val.json"}
        images = DATASET / "images"
        checked = PrepareSettings()
        check_images.run(checked, *sets.values(), images / "train", images / "val", DATASET / "images.csv")
        patch.setattr(score_thresholds, "detect_images", _all_found)
        patch.setattr(confident_labels, "detections_by_image", _some_sure)
        patch.setattr(box_pseudo, "_masks", _filled_boxes)
        scores = [_run(run, number, weights) for number, run in enumerate((RUN, OTHER_RUN))]
        tables = (DATASET / "images.csv", DATASET / "image_facts.csv")
        warned = DataWarningsSettings()
        data_warnings.run(warned, sets["val"], *tables, (RUN, OTHER_RUN), DATASET / "data_warnings.json")
        _corrupt(CORRUPT_RUN, RUN, weights)
        write_report(STUDY, [path for paths in scores for path in paths])
    return folder / STUDY


def _run(run: Path, seed: int, weights: float) -> list[Path]:
    """One run, and the paths of its scores."""
    half = SplitSettings(full_percent=40, unlabelled_percent=10, seed=seed)
    split.run(half, DATASET / "train.json", run)
    drawn = PointsSettings(seed=seed)
    points.run(drawn, DATASET / "train.json", run / "split.csv", run / "full.json", run)
    full = {"full": run / "full.json", "images_table": DATASET / "images.csv"}
    teacher = TeacherSettings(**TRAINING, snapshots=(20, 30), seed=seed)
    _train("teacher", teacher, full, run / "teacher", weights, {"snapshot1": 20, "snapshot2": 30})
    for fold in range(FOLDS):
        one = FoldSettings(**TRAINING, folds=FOLDS, fold=fold, seed=seed)
        _train("fold", one, full, run / f"folds/{fold}", weights)
    for side in ("full", "weak"):
        _propose(run, side, seed)
        _crops(run, side, run / "full.json")
    refiner = RefinerSettings(**TRAINING, seed=seed)
    _train("refiner", refiner, {"crops": run / "crops/full.zarr"}, run / "refiner", weights)
    given = {name: run / f"{name}.json" for name in ("full", "weak")}
    rough = given | {"proposals": run / "proposals/weak.json"}
    pseudo.run(PseudoSettings(masks="rough"), **rough, out=run / "pseudo/rough.json")
    _refined(run, "wssis")
    _confident(run, seed)
    hidden = {"train": DATASET / "train.json", "hidden_ids": run / "hidden_ids.csv"}
    oracle_mask.run(OracleMaskSettings(), **given, **hidden, out=run / "pseudo/oracle-mask.json")
    found = [_evaluate(run / "teacher")]
    found += [_student(run, name, seed, weights) for name in ("supervised", "rough", "wssis", "semi", "oracle-mask")]
    _propose(run, "weak", seed, SECOND)
    _crops(run, "weak", run / "full.json", SECOND)
    _refined(run, "wssis-2", SECOND)
    found += [_student(run, name, seed, weights) for name in ("wssis-2", "wssis-long")]
    found += _boxed(run, seed, weights)
    for arm, around in (("rough", ""), ("wssis", ""), ("semi", None), ("wssis-2", SECOND)):
        out = run / f"quality/{arm}.csv"
        quality.run(
            QualitySettings(shown=2), DATASET / "train.json", run / "weak.json", run / "hidden_ids.csv",
            None if around is None else run / f"{around}proposals/weak.json", run / f"pseudo/{arm}.json", out,
            out.with_suffix(".shown.json"),
        )  # fmt: skip
    return found


def _student(run: Path, arm: str, seed: int, weights: float) -> Path:
    """A student of an arm, and the path of its scores."""
    inputs = {"training_set": run / get_arm(arm).training_set, "images_table": DATASET / "images.csv"}
    inputs |= {"box_points": run / "box_points.json"} if get_arm(arm).trains_on_boxes else {}
    _train("student", StudentSettings(**TRAINING, seed=seed), inputs, run / f"students/{arm}", weights)
    return _evaluate(run / f"students/{arm}")


def _boxed(run: Path, seed: int, weights: float) -> list[Path]:
    """Boxes with points, what is trained on them, and the student of its masks; the paths of the scores."""
    train = DATASET / "train.json"
    box_points.run(BoxPointsSettings(label_kind="point", seed=seed), train, run / "split.csv", run)
    inputs = {"full": run / "full.json", "box_points": run / "box_points.json", "images_table": DATASET / "images.csv"}
    model = run / "students/points10"
    _train("box_student", BoxStudentSettings(**TRAINING, seed=seed), inputs, model, weights)
    out = run / "pseudo/points10-selftrain.json"
    box_pseudo.run(
        BoxPseudoSettings(), *list(inputs.values())[:2], model / "model.safetensors", DATASET / "images.csv",
        DATASET / "images/train", out,
    )  # fmt: skip
    table = run / "quality/points10-selftrain.csv"
    quality.run(
        QualitySettings(shown=2), train, run / "box_points.json", run / "box_hidden_ids.csv", None, out, table,
        table.with_suffix(".shown.json"),
    )  # fmt: skip
    students = [_student(run, arm, seed, weights) for arm in ("points10-selftrain", "points10-solov2")]
    return [_evaluate(model), *students]


def _filled_boxes(_: Section, boxed: dict[str, Any], *__: object) -> Iterator[tuple[int, MaskInBox]]:
    """In the place of a network: every box is filled, but for the first, which stays empty."""
    for number, one in enumerate(boxed["annotations"]):
        x, y, width, height = one["bbox"]
        mask = np.zeros((64, 64), bool)
        mask[y : y + height, x : x + width] = number > 0
        yield one["id"], MaskInBox(encode_mask(mask), 0.75)


def _crops(run: Path, side: str, full: Path, around: str = "") -> None:
    targets = full if side == "full" else None
    crops.run(
        CropsSettings(size=32, heatmap_sigma=2.0, heatmap_radius=6), run / f"{around}proposals/{side}.json",
        full, DATASET / "images/train", DATASET / "images.csv", run / f"{around}crops/{side}.zarr", targets,
        temporary=side == "weak",
    )  # fmt: skip


def _corrupt(run: Path, base: Path, weights: float) -> None:
    """A variant whose refiner learns from corrupted masks."""
    out = run / "proposals/full.json"
    proposals.run(
        ProposalsSettings(pairs="corrupt"), "full", base / "full.json", {}, DATASET / "images.csv",
        DATASET / "images/train", out, out.with_suffix(".csv"), base / "full_points.csv",
    )  # fmt: skip
    _crops(run, "full", base / "full.json")
    refiner = RefinerSettings(**TRAINING)
    _train("refiner", refiner, {"crops": run / "crops/full.zarr"}, run / "refiner", weights)


def _confident(run: Path, seed: int) -> None:
    """Thresholds and labels of semi, by the stages, of made-up detections."""
    thresholds, folder = run / "arms/semi/thresholds.csv", DATASET / "images/train"
    folds = {f"fold{k}": run / f"folds/{k}/model.safetensors" for k in range(FOLDS)}
    given = ScoreThresholdsSettings(folds=FOLDS, fold_seed=seed)
    score_thresholds.run(given, run / "full.json", folds, DATASET / "images.csv", folder, thresholds)
    confident_labels.run(
        ConfidentLabelsSettings(), run / "full.json", run / "split.csv", thresholds,
        run / "teacher/model.safetensors", DATASET / "images.csv", folder, run / "pseudo/semi.json",
    )  # fmt: skip


def _all_found(checkpoint: Path, coco: dict[str, Any], *_: object) -> list[dict[str, Any]]:
    """In the place of a fold teacher: every object of the images, with a score of .6."""
    images = {image["id"] for image in coco["images"]}
    return [_detection(one, 0.6) for one in coco["annotations"] if one["image_id"] in images]


def _some_sure(checkpoint: Path, coco: dict[str, Any], *_: object) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """In the place of the teacher: every object, two of three of them surely; nothing surely on the first image."""
    annotations = annotations_by_image(read_coco(DATASET / "train.json"))
    for place, image in enumerate(coco["images"]):
        found = annotations[image["id"]]
        yield image["id"], [_detection(one, 0.8 if place and one["id"] % 3 else 0.4) for one in found]


def _detection(one: dict[str, Any], score: float) -> dict[str, Any]:
    rle = _text(compressed(one["segmentation"], 64, 64))
    kept = {key: one[key] for key in ("image_id", "category_id", "bbox")}
    return {**kept, "score": score, "segmentation": rle}


def _train(
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


def _propose(run: Path, side: str, seed: int, around: str = "") -> None:
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


def _refined(run: Path, arm: str, around: str = "") -> None:
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


def _evaluate(network: Path) -> Path:
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


def _text(rle: dict[str, Any]) -> dict[str, Any]:
    counts = rle["counts"]
    return {"size": list(rle["size"]), "counts": counts.decode() if isinstance(counts, bytes) else counts}


def reseal(study: Path, *paths: str) -> None:
    """Give changed files a right digest, in the manifest that lists them and in all that read them: what remains wrong
    is the content alone.
    """
    for path in paths:
        old = next(
            digest
            for manifest in study.rglob("*manifest.json")
            for name, digest in json.loads(manifest.read_text())["outputs"].items()
            if manifest.parent / name == study / path
        )
        new = digest_of(study / path)
        for one in study.rglob("*manifest.json"):
            one.write_text(one.read_text().replace(old, new))


def copied(study: Path, folder: Path) -> Path:
    """A copy of a study to change something in, at the same relative path."""
    target = folder / STUDY
    shutil.copytree(study, target)
    return target
