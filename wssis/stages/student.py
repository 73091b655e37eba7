"""train-student: the segmentor on an arm's training set."""

from pathlib import Path
from typing import Any, Literal

from wssis.config.locations import weight_files
from wssis.config.point_supervision import PointSupervision
from wssis.config.segmentor_stages import StudentSettings
from wssis.engine.box_data import one_training_set
from wssis.engine.distributed import on_main
from wssis.engine.mixed_task import MixedTask
from wssis.engine.segmentor_task import train_segmentor, train_task
from wssis.formats.box_points import read_box_points
from wssis.formats.imagenet_file import imagenet_facts
from wssis.formats.labels_file import read_labels
from wssis.formats.manifest import StageRun


def run(
    settings: StudentSettings,
    training_set: Path,
    images_table: Path,
    image_dir: Path,
    state_root: Path,
    out: Path,
    workers: int = 0,
    tensorboard: bool = False,
    box_points: Path | None = None,
) -> None:
    """Train a student; writes model.safetensors, metrics.jsonl and manifest.json into `out`.

    Args:
        training_set: COCO, pseudo/{arm}.json or full.json; `segmentation: null` is an object without a mask.
        images_table: images.csv, against which every image is checked.
        image_dir: folder of the training images.
        state_root: where the resume state lives.
        workers: processes that make samples; 0: the training process itself.
        tensorboard: write TensorBoard's event files beside metrics.jsonl; they are no outputs.
        box_points: box_points.json, of further images; None: no such images.

    Raises:
        InputError: the training set or an image is not as it should be, or a loss is not finite.
    """
    inputs = {"training_set": Path(training_set), "images_table": Path(images_table)}
    inputs |= {} if box_points is None else {"box_points": Path(box_points)}
    inputs |= {name: Path(file) for name, file in weight_files(settings).items()}
    common = {"workers": workers, "tensorboard": tensorboard}
    if box_points is not None and settings.supervision is None:
        # Spelt out, so that the manifest says what was learnt from whatever the defaults become.
        settings = settings.model_copy(update={"supervision": PointSupervision()})
    with on_main(StageRun("student", Path(out) / "manifest.json", settings, inputs)) as stage:
        coco = read_labels(training_set, "segmentation")
        masks = weighted(coco, settings.mask_weight)
        if box_points is None:
            summary = train_segmentor(
                "student", settings, masks, inputs, image_dir, state_root, out, full_share=settings.full_share, **common
            )
            whole = coco
        else:
            boxes = read_box_points(box_points)
            whole = one_training_set({inputs["training_set"]: coco, inputs["box_points"]: boxes})
            task = MixedTask(settings, masks, boxes, images_table, image_dir)
            summary = train_task(task, "student", settings, coco, inputs, state_root, out, **common)
            points = sum(len(one["point_labels"]) for one in boxes["annotations"])
            stage.counts.update(boxes=len(boxes["annotations"]), points=points)
        without = sum(not one.get("segmentation") for one in coco["annotations"])
        stage.counts.update(
            images=len(whole["images"]), objects=len(whole["annotations"]), unmasked=without, **summary.counts()
        )
        stage.counts.update(imagenet_facts(settings.network.backbone))
        stage.discard(summary.state)
        stage.output(Path(out) / "model.safetensors", Path(out) / "metrics.jsonl")


def weighted(coco: dict[str, Any], mask_weight: Literal["none", "quality"]) -> dict[str, Any]:
    """The training set with weights of the mask loss: those of pseudo masks are their scores, or all are alike."""
    if mask_weight == "none":
        return coco
    return {**coco, "annotations": [_weighted(one) for one in coco["annotations"]]}


def _weighted(annotation: dict[str, Any]) -> dict[str, Any]:
    if annotation.get("source") != "pseudo" or not annotation.get("segmentation"):
        return annotation
    return {**annotation, "weight": float(annotation["score"])}
