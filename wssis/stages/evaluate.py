"""Stage evaluate: mask and box AP of a segmentor on the validation images, prompt-free."""

from pathlib import Path

from wssis.config.segmentor_stages import EvaluateSettings
from wssis.engine.coco_metrics import require, summarise
from wssis.engine.detecting import detect_images
from wssis.formats.atomic import write_json
from wssis.formats.labels_file import read_labels
from wssis.formats.manifest import StageRun
from wssis.formats.scores import METRICS, write_scores


def run(settings: EvaluateSettings, model: Path, val: Path, images_table: Path, image_dir: Path, out: Path) -> None:
    """Write out/detections.json, out/scores.json and out/evaluate.manifest.json.

    Args:
        settings: inference, and the limit of detections for network and evaluator alike.
        model: model.safetensors of a teacher or student.
        val: val.json; its categories must be the model's.
        images_table: images.csv.
        image_dir: folder of the validation images.
        out: folder to write to.

    Raises:
        InputError: the checkpoint is no segmentor's or has other categories; an image is missing or has changed;
            the evaluator is not installed.
    """
    require(settings.evaluator)
    inputs = {"model": model, "val": val, "images_table": images_table}
    with StageRun("evaluate", out / "evaluate.manifest.json", settings, inputs) as stage:
        coco = read_labels(val, "segmentation")
        detections = detect_images(model, coco, val, images_table, "val", image_dir, settings)
        scores = summarise(coco, detections, settings.max_detections, settings.evaluator)
        write_json(out / "detections.json", detections)
        write_scores(out / "scores.json", scores)
        stage.output(out / "detections.json", out / "scores.json")
        stage.counts |= {key: scores[key] for key in ("images", "objects", "crowd", "detections")}
        stage.counts |= {key: scores[key] for key in METRICS if scores[key] is not None}
