"""train-box-student: Mask R-CNN or Implicit PointRend on boxes with masks, labelled points, or both."""

from pathlib import Path

from wssis.config.locations import weight_files
from wssis.config.maskrcnn import BoxStudentSettings
from wssis.engine.box_data import one_training_set
from wssis.engine.box_task import train_box_network
from wssis.engine.distributed import on_main
from wssis.errors import InputError
from wssis.formats.box_points import read_box_points
from wssis.formats.imagenet_file import imagenet_facts
from wssis.formats.labels_file import read_labels
from wssis.formats.manifest import StageRun


def run(
    settings: BoxStudentSettings,
    full: Path | None,
    box_points: Path | None,
    images_table: Path,
    image_dir: Path,
    state_root: Path,
    out: Path,
    workers: int = 0,
    tensorboard: bool = False,
) -> None:
    """Train a box network; writes model.safetensors, metrics.jsonl and manifest.json into `out`.

    Args:
        full: COCO with masks, full.json or a set of pseudo masks; None: no such images.
        box_points: box_points.json; None: no such images. One of the two is needed, and no image may be in both.
        images_table: images.csv, against which every image is checked.
        image_dir: folder of the training images.
        state_root: where the resume state lives.
        workers: processes that make samples; 0: the training process itself.
        tensorboard: write TensorBoard's event files beside metrics.jsonl; they are no outputs.

    Raises:
        InputError: the training set or an image is not as it should be, or a loss is not finite.
    """
    given = {"full": full, "box_points": box_points}
    inputs = {name: Path(path) for name, path in given.items() if path is not None}
    if not inputs:
        raise InputError("--full none and --box-points none: there is nothing to train on; give one of them")
    inputs |= {"images_table": Path(images_table)}
    inputs |= {name: Path(file) for name, file in weight_files(settings).items()}
    with on_main(StageRun("box_student", Path(out) / "manifest.json", settings, inputs)) as stage:
        read = {"full": read_labels, "box_points": read_box_points}
        coco = one_training_set({inputs[name]: read[name](inputs[name]) for name in given if name in inputs})
        summary = train_box_network(
            "box_student", settings, coco, inputs, image_dir, state_root, out, workers=workers, tensorboard=tensorboard
        )
        objects = coco["annotations"]
        stage.counts.update(
            images=len(coco["images"]), objects=len(objects), masks=sum(bool(o.get("segmentation")) for o in objects),
            points=sum(len(o.get("point_labels") or ()) for o in objects), **summary.counts(),
        )  # fmt: skip
        stage.counts.update(imagenet_facts(settings.network.backbone))
        stage.discard(summary.state)
        stage.output(Path(out) / "model.safetensors", Path(out) / "metrics.jsonl")
