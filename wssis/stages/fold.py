"""train-fold: a cross-fitting teacher, which does not see one fold of the fully labelled images."""

from pathlib import Path
from typing import Any

from wssis.config.locations import weight_files
from wssis.config.segmentor_stages import FoldSettings
from wssis.engine.distributed import on_main
from wssis.engine.segmentor_task import train_segmentor
from wssis.errors import InputError
from wssis.formats.imagenet_file import imagenet_facts
from wssis.formats.labels_file import read_labels
from wssis.formats.manifest import StageRun
from wssis.formats.split import folds_of


def without_fold(coco: dict[str, Any], folds: int, fold: int, seed: int, key: str | None = None) -> dict[str, Any]:
    """The COCO set without the images of one fold (`folds_of`) and their annotations.

    key: of the images, whose equal values stay in one fold; None: every image goes by itself.

    Raises:
        InputError: there is no such fold, or an image lacks the key.
    """
    if fold >= folds:
        raise InputError(f"fold {fold} does not exist: folds are numbered 0 ... {folds - 1}")
    assigned = folds_of(coco["images"], folds, seed, key)
    kept = {image_id for image_id, its_fold in assigned.items() if its_fold != fold}
    return {
        **coco,
        "images": [image for image in coco["images"] if image["id"] in kept],
        "annotations": [one for one in coco["annotations"] if one["image_id"] in kept],
    }


def run(
    settings: FoldSettings,
    full: Path,
    images_table: Path,
    image_dir: Path,
    state_root: Path,
    out: Path,
    workers: int = 0,
    tensorboard: bool = False,
) -> None:
    """Train the teacher of one fold; writes model.safetensors, metrics.jsonl and manifest.json into `out`.

    Args:
        full: COCO of the fully labelled images; the fold is taken out of it here.
        images_table: images.csv, against which every image is checked.
        image_dir: folder of the training images.
        state_root: where the resume state lives.
        workers: processes that make samples; 0: the training process itself.
        tensorboard: write TensorBoard's event files beside metrics.jsonl; they are no outputs.

    Raises:
        InputError: the fold does not exist, the images are not as they should be, or a loss is not finite.
    """
    inputs = {"full": Path(full), "images_table": Path(images_table)}
    inputs |= {name: Path(file) for name, file in weight_files(settings).items()}
    with on_main(StageRun("fold", Path(out) / "manifest.json", settings, inputs)) as stage:
        labels = read_labels(full, "segmentation")
        coco = without_fold(labels, settings.folds, settings.fold, settings.seed, settings.group_key)
        summary = train_segmentor(
            "fold", settings, coco, inputs, image_dir, state_root, out, workers=workers, tensorboard=tensorboard
        )
        stage.counts.update(images=len(coco["images"]), objects=len(coco["annotations"]), **summary.counts())
        stage.counts.update(imagenet_facts(settings.network.backbone))
        stage.discard(summary.state)
        stage.output(Path(out) / "model.safetensors", Path(out) / "metrics.jsonl")
