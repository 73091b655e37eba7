"""Stage predict-shown: a student's predictions on the few weak images that the report shows; nothing scores them."""

import json
from pathlib import Path

from wssis.config.segmentor_stages import DetectionSettings
from wssis.engine.detecting import detect_images
from wssis.formats.atomic import write_json
from wssis.formats.manifest import StageRun


def run(settings: DetectionSettings, model: Path, shown: Path, images_table: Path, image_dir: Path, out: Path) -> None:
    """Write `out`, COCO results on the shown images, and the manifest beside it.

    Args:
        settings: as for evaluate.
        model: model.safetensors of the arm's student.
        shown: quality/{arm}.shown.json; says which images.
        images_table: images.csv.
        image_dir: folder of the training images.
        out: quality/{arm}.predictions.json.

    Raises:
        InputError: the checkpoint is no segmentor's or has other categories; an image is missing or has changed.
    """
    inputs = {"model": model, "shown": shown, "images_table": images_table}
    with StageRun("predict_shown", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        content = json.loads(shown.read_text(encoding="utf-8"))
        detections = detect_images(model, content, shown, images_table, "train", image_dir, settings)
        write_json(out, detections)
        stage.output(out)
        stage.counts |= {"images": len(content["images"]), "detections": len(detections)}
