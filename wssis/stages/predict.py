"""Stage predict: a trained segmentor on a user's own images, prompt-free; no stage of a study."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wssis.config.segmentor_stages import EvaluateSettings
from wssis.engine.detecting import coco_results
from wssis.engine.distributed import this_world
from wssis.engine.reproducible import reproducible
from wssis.engine.segmentors import AnySegmentor, detect_pixels, load_any_segmentor
from wssis.formats.atomic import temporary_path
from wssis.formats.coco import write_coco
from wssis.formats.images_table import ImageRow
from wssis.formats.json_text import pieces
from wssis.formats.manifest import StageRun, digest_of
from wssis.predicting.foreign_outputs import refuse_foreign_outputs
from wssis.predicting.overlays import painter_of
from wssis.predicting.pictures import Picture, describe_pictures, find_pictures
from wssis.predicting.result_log import ResultLog
from wssis.predicting.running import (
    Account,
    image_records,
    predict_pictures,
    say_broken,
    say_turned,
    split_records,
    write_skipped,
)


def run(
    settings: EvaluateSettings,
    model: Path,
    images: Sequence[Path],
    out: Path,
    overlays: int | None,
    overlay_score: float,
) -> int:
    """Write detections.json, images.json, overlays/, skipped.csv (if any) and predict.manifest.json into `out`.

    Args:
        settings: inference, and the limit of detections per image.
        model: model.safetensors of a teacher or student.
        images: files, or folders of them.
        overlays: how many images to paint, the first ones by name; None: all.
        overlay_score: detections that score less are not painted.

    Returns the number of images that could not be used; they are named on standard error and in skipped.csv.

    Raises:
        InputError: the checkpoint is no segmentor's, a path is not there, or there is no image.
    """
    refuse_foreign_outputs(out, "predict", {"detections.json", "images.json"})
    with StageRun("predict", out / "predict.manifest.json", settings, {"model": model}) as stage:
        pictures, skipped = describe_pictures(find_pictures(images, out).items())
        say_turned(pictures)
        account, device = Account(), this_world().device
        segmentor = load_any_segmentor(model, device)
        key = f"{stage.code} {digest_of(model)} {settings.model_dump_json()} {overlay_score}"
        log = ResultLog(out / ".predicted.jsonl", key)
        painter = painter_of(pictures, out / "overlays", segmentor.categories, overlays, overlay_score)
        with reproducible(device, settings.inference.threads):
            work = _Detector(segmentor, settings)
            predict_pictures(pictures, settings.inference, work, log, painter, account)
        sound, broken = split_records(pictures, log)
        skipped |= broken
        detections = _write(out, sound, segmentor.categories, log)
        stage.output(out / "detections.json", out / "images.json", *write_skipped(out / "skipped.csv", skipped))
        stage.counts |= {"images": len(sound), "skipped": len(skipped), "detections": detections}
    log.remove()
    say_broken(skipped)
    print(account.speed())
    print(f"{out}: {detections} detections on {len(sound)} images; {len(skipped)} skipped")
    return len(skipped)


class _Detector:
    """Detections of a batch, per image, as COCO results without image_id."""

    def __init__(self, segmentor: AnySegmentor, settings: EvaluateSettings) -> None:
        self._segmentor, self._settings = segmentor, settings

    def __call__(self, rows: list[ImageRow], images: Sequence[NDArray[np.uint8]]) -> list[list[dict[str, Any]]]:
        inference, most = self._settings.inference, self._settings.max_detections
        found = detect_pixels(self._segmentor, rows, images, inference, most)
        results = [coco_results(0, one, self._segmentor.categories) for one in found]
        # A mask that has lost its last pixel on the way to a smaller image shows nothing.
        return [[one for one in own if all(one["bbox"][2:])] for own in results]


def _write(out: Path, pictures: Sequence[Picture], categories: Sequence[Mapping[str, Any]], log: ResultLog) -> int:
    """Write detections.json and images.json; the number of detections."""
    number = 0

    def results() -> Iterator[dict[str, Any]]:
        """The detections as they are read, counted on the way."""
        nonlocal number
        for image_id, picture in enumerate(pictures, 1):
            for one in log.record(picture.file_name)["found"]:
                number += 1
                yield {**one, "image_id": image_id}

    with temporary_path(out / "detections.json") as temporary, temporary.open("wb") as stream:
        stream.writelines(pieces(results()))
        stream.write(b"\n")
    write_coco(out / "images.json", {"images": image_records(pictures), "categories": list(categories)})
    return number
