"""Stage score-thresholds: how sure the teacher must be, from predictions of full images that it has not seen."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wssis.config.segmentor_stages import ScoreThresholdsSettings
from wssis.engine.confidence import score_thresholds
from wssis.engine.detecting import detect_images
from wssis.errors import InputError
from wssis.formats.labels_file import read_labels
from wssis.formats.manifest import StageRun
from wssis.formats.score_thresholds import write_thresholds
from wssis.formats.split import folds_of


def run(
    settings: ScoreThresholdsSettings,
    full: Path,
    predictors: Mapping[str, Path],
    images_table: Path,
    image_dir: Path,
    out: Path,
) -> None:
    """Write `out` (thresholds.csv: one row per class) and its manifest beside it.

    Args:
        full: full.json of the run.
        predictors: fold{k} -> checkpoint of the fold teacher that has not seen the images of fold k.
        images_table: images.csv.
        image_dir: folder of the training images.

    Raises:
        InputError: other predictors than the folds, or checkpoints of other categories.
    """
    expected = [f"fold{k}" for k in range(settings.folds)]
    if sorted(predictors) != sorted(expected):
        raise InputError(f"score-thresholds needs --predictor {', '.join(expected)}; given {sorted(predictors)}")
    inputs = {"full": full, "images_table": images_table, **predictors}
    with StageRun("score_thresholds", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        coco = read_labels(full, "segmentation")
        found = [
            detection
            for name, part in _shares(coco, settings)
            for detection in detect_images(predictors[name], part, full, images_table, "train", image_dir, settings)
        ]
        rows = score_thresholds(coco, found)
        write_thresholds(out, rows)
        stage.output(out)
        stage.counts |= {
            "images": len(coco["images"]),
            "objects": sum(row.objects for row in rows),
            "detections": len(found),
            "classes_without_labels": sum(row.threshold is None for row in rows),
        }


def _shares(coco: Mapping[str, Any], settings: ScoreThresholdsSettings) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name of each fold teacher, and the images it has not seen."""
    fold = folds_of(coco["images"], settings.folds, settings.fold_seed, settings.group_key)
    for k in range(settings.folds):
        yield f"fold{k}", {**coco, "images": [image for image in coco["images"] if fold[image["id"]] == k]}
