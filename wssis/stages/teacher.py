"""train-teacher: the segmentor on the fully labelled images, with two snapshots; or an imported one in its place."""

import json
from pathlib import Path
from typing import Any

from wssis.config.locations import weight_files
from wssis.config.segmentor_stages import TeacherSettings
from wssis.engine.distributed import on_main, this_world
from wssis.engine.predictor import KIND
from wssis.engine.segmentor_task import categories_of, train_segmentor
from wssis.engine.trainer import METRICS, MODEL, snapshot_name
from wssis.errors import InputError
from wssis.formats.atomic import write_text
from wssis.formats.checkpoint import load_model, reading_metadata, save_model
from wssis.formats.imagenet_file import imagenet_facts
from wssis.formats.labels_file import read_labels
from wssis.formats.manifest import StageRun, digest_of


def run(
    settings: TeacherSettings,
    full: Path,
    images_table: Path,
    image_dir: Path,
    state_root: Path,
    out: Path,
    workers: int = 0,
    tensorboard: bool = False,
) -> None:
    """Train the teacher; writes model, snapshots, metrics.jsonl and manifest.json into `out`.

    With `settings.checkpoint` nothing is trained: model and snapshots are that checkpoint, marked as imported (so that
    nothing takes the snapshots for early ones, see `engine/predictor.py`), metrics.jsonl is empty, and the manifest
    has the checkpoint's digest.

    Args:
        full: COCO of the fully labelled images.
        images_table: images.csv, against which every image is checked.
        image_dir: folder of the training images.
        state_root: where the resume state lives.
        workers: processes that make samples; 0: the training process itself.
        tensorboard: write TensorBoard's event files beside metrics.jsonl; they are no outputs.

    Raises:
        InputError: the annotations, an image or the checkpoint is not as it should be, or a loss is not finite.
    """
    out = Path(out)
    inputs = {"full": Path(full), "images_table": Path(images_table)}
    inputs |= {name: Path(file) for name, file in weight_files(settings).items()}
    names = [snapshot_name(number) for number in range(1, len(settings.snapshot_steps) + 1)]
    with on_main(StageRun("teacher", out / "manifest.json", settings, inputs)) as stage:
        coco = read_labels(full, "segmentation")
        if settings.checkpoint is not None:
            _import(Path(settings.checkpoint), coco, out, names)
            stage.counts.update(imported=digest_of(Path(settings.checkpoint)), training_images="unknown")
        else:
            snapshots = {step: names[place] for place, step in enumerate(settings.snapshot_steps)}
            summary = train_segmentor(
                "teacher", settings, coco, inputs, image_dir, state_root, out, snapshots, workers, tensorboard
            )
            stage.counts.update(summary.counts() | imagenet_facts(settings.network.backbone))
            stage.discard(summary.state)
        stage.counts.update(images=len(coco["images"]), objects=len(coco["annotations"]))
        stage.output(*(out / name for name in (MODEL, *names, METRICS)))


def _import(checkpoint: Path, coco: dict[str, Any], out: Path, names: list[str]) -> None:
    """Write the checkpoint as model and snapshots, if it is a segmentor of the same categories."""
    weights, metadata = load_model(checkpoint)
    if metadata.get("kind") != KIND:
        raise InputError(f"{checkpoint}: not a segmentor's checkpoint; make one with import-weights")
    expected = categories_of(coco)
    with reading_metadata(checkpoint):
        found = json.loads(metadata["categories"])
        names_found = [one["name"] for one in found]
    if names_found != [one["name"] for one in expected]:
        raise InputError(
            f"{checkpoint}: its categories ({_names(found)}) are not the data set's ({_names(expected)}), in this order"
        )
    if not this_world().main:
        return
    metadata = {**metadata, "categories": json.dumps(expected, ensure_ascii=False), "imported": digest_of(checkpoint)}
    for name in (MODEL, *names):
        save_model(out / name, weights, metadata)
    write_text(out / METRICS, "")


def _names(categories: list[dict[str, Any]]) -> str:
    return ", ".join(one["name"] for one in categories)
