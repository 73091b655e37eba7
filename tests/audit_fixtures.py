"""A small sound study, written by the stages and writers of the package; only the networks are not trained."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from audit_report import write_report
from untrained_stages import (
    DATASET,
    FOLDS,
    STUDY,
    all_found,
    filled_boxes,
    leave_proposals,
    leave_refined,
    leave_scores,
    leave_training,
    some_sure,
)

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
from wssis.config.segmentor_stages import (
    ConfidentLabelsSettings,
    FoldSettings,
    ScoreThresholdsSettings,
    StudentSettings,
    TeacherSettings,
)
from wssis.config.training import OptimizerSettings, ScheduleSettings
from wssis.formats.manifest import digest_of
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

RUN = DATASET / "50pct/s0/base"
OTHER_RUN = DATASET / "50pct/s1/base"
CORRUPT_RUN = DATASET / "50pct/s0/corrupt"
SECOND = "arms/wssis-2/"
TRAINING: dict[str, Any] = {
    "schedule": ScheduleSettings(iterations=40, warmup=1, decay="constant", steps=()),
    "optimizer": OptimizerSettings(batch=2, lr=0.01, threads=1),
}


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
        patch.setattr(score_thresholds, "detect_images", all_found)
        patch.setattr(confident_labels, "detections_by_image", some_sure)
        patch.setattr(box_pseudo, "_masks", filled_boxes)
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
    leave_training("teacher", teacher, full, run / "teacher", weights, {"snapshot1": 20, "snapshot2": 30})
    for fold in range(FOLDS):
        one = FoldSettings(**TRAINING, folds=FOLDS, fold=fold, seed=seed)
        leave_training("fold", one, full, run / f"folds/{fold}", weights)
    for side in ("full", "weak"):
        leave_proposals(run, side, seed)
        _crops(run, side, run / "full.json")
    refiner = RefinerSettings(**TRAINING, seed=seed)
    leave_training("refiner", refiner, {"crops": run / "crops/full.zarr"}, run / "refiner", weights)
    given = {name: run / f"{name}.json" for name in ("full", "weak")}
    rough = given | {"proposals": run / "proposals/weak.json"}
    pseudo.run(PseudoSettings(masks="rough"), **rough, out=run / "pseudo/rough.json")
    leave_refined(run, "wssis")
    _confident(run, seed)
    hidden = {"train": DATASET / "train.json", "hidden_ids": run / "hidden_ids.csv"}
    oracle_mask.run(OracleMaskSettings(), **given, **hidden, out=run / "pseudo/oracle-mask.json")
    found = [leave_scores(run / "teacher")]
    found += [_student(run, name, seed, weights) for name in ("supervised", "rough", "wssis", "semi", "oracle-mask")]
    leave_proposals(run, "weak", seed, SECOND)
    _crops(run, "weak", run / "full.json", SECOND)
    leave_refined(run, "wssis-2", SECOND)
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
    leave_training("student", StudentSettings(**TRAINING, seed=seed), inputs, run / f"students/{arm}", weights)
    return leave_scores(run / f"students/{arm}")


def _boxed(run: Path, seed: int, weights: float) -> list[Path]:
    """Boxes with points, what is trained on them, and the student of its masks; the paths of the scores."""
    train = DATASET / "train.json"
    box_points.run(BoxPointsSettings(label_kind="point", seed=seed), train, run / "split.csv", run)
    inputs = {"full": run / "full.json", "box_points": run / "box_points.json", "images_table": DATASET / "images.csv"}
    model = run / "students/points10"
    leave_training("box_student", BoxStudentSettings(**TRAINING, seed=seed), inputs, model, weights)
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
    return [leave_scores(model), *students]


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
    leave_training("refiner", refiner, {"crops": run / "crops/full.zarr"}, run / "refiner", weights)


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
