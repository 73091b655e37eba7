"""Commands that train a network, or take the weights of one that others have trained."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from wssis.commands.options import (
    ImageDir,
    ImagesTable,
    OutFile,
    OutFolder,
    Settings,
    StateRoot,
    TensorBoard,
    Workers,
    parse_settings,
)
from wssis.config.mask_stages import RefinerSettings
from wssis.config.networks import NetworksSettings
from wssis.config.section import Section
from wssis.config.segmentor_stages import FoldSettings, StudentSettings, TeacherSettings
from wssis.errors import refuse


def check_networks(settings: Settings) -> None:
    """Whether networks can be built and their first weights be had; a study asks it before its first job."""
    from wssis.engine.network_check import network_problems

    refuse(list(network_problems(parse_settings(NetworksSettings, settings))))


MaskedSet = Annotated[Path, typer.Option("--full", help="full.json of the run: the images with masks.")]


def _trains_segmentor(stage: str, model: type[Section], told: str) -> Callable[..., None]:
    """The command of a stage that trains a segmentor on masks alone; such stages differ in their settings alone.

    told: the help.
    """

    def command(
        labels: MaskedSet,
        images_table: ImagesTable,
        image_dir: ImageDir,
        state_root: StateRoot,
        out: OutFolder,
        workers: Workers = 0,
        tensorboard: TensorBoard = False,
        settings: Settings = "{}",
    ) -> None:
        run = import_module(f"wssis.stages.{stage}").run
        run(parse_settings(model, settings), labels, images_table, image_dir, state_root, out, workers, tensorboard)

    command.__name__, command.__doc__ = f"train_{stage}", told
    return command


train_teacher = _trains_segmentor("teacher", TeacherSettings, "Train the teacher on the images with masks.")
train_fold = _trains_segmentor(
    "fold", FoldSettings, "Train a cross-fitting teacher without one fold of the images with masks."
)


def train_student(
    training_set: Annotated[Path, typer.Option(help="full.json or pseudo/{arm}.json of the run.")],
    images_table: ImagesTable,
    image_dir: ImageDir,
    state_root: StateRoot,
    out: OutFolder,
    box_points: Annotated[Path | None, typer.Option(help="box_points.json, of further images.")] = None,
    workers: Workers = 0,
    tensorboard: TensorBoard = False,
    settings: Settings = "{}",
) -> None:
    """Train an arm's student on its training set."""
    from wssis.stages.student import run

    run(
        parse_settings(StudentSettings, settings),
        training_set, images_table, image_dir, state_root, out, workers, tensorboard, box_points,
    )  # fmt: skip


def train_refiner(
    crops: Annotated[Path, typer.Option(help="Store of the full side's crops.")],
    state_root: StateRoot,
    out: OutFolder,
    workers: Workers = 0,
    tensorboard: TensorBoard = False,
    settings: Settings = "{}",
) -> None:
    """Train MaskRefineNet on the full side's crops."""
    from wssis.stages.refiner import run

    run(parse_settings(RefinerSettings, settings), crops, state_root, out, workers, tensorboard)


def train_box_student(
    images_table: ImagesTable,
    image_dir: ImageDir,
    state_root: StateRoot,
    out: OutFolder,
    full: Annotated[str, typer.Option(help="COCO file of images with masks; none: without any.")] = "none",
    box_points: Annotated[str, typer.Option(help="box_points.json: boxes and points; none: without any.")] = "none",
    workers: Workers = 0,
    tensorboard: TensorBoard = False,
    settings: Settings = "{}",
) -> None:
    """Train Mask R-CNN or Implicit PointRend on boxes with masks or labelled points."""
    from wssis.config.maskrcnn import BoxStudentSettings
    from wssis.stages.box_student import run

    given = [None if text == "none" else Path(text) for text in (full, box_points)]
    run(
        parse_settings(BoxStudentSettings, settings),
        *given, images_table, image_dir, state_root, out, workers, tensorboard,
    )  # fmt: skip


def import_weights(
    source: Annotated[Path, typer.Argument(help="A released checkpoint: .pth, .pt, .npz or .safetensors.")],
    out: OutFile,
    annotations: Annotated[Path | None, typer.Option(help="COCO file with the checkpoint's categories.")] = None,
    settings: Settings = "{}",
) -> None:
    """Map the names of a released SOLOv2 or MaskRefineNet checkpoint onto ours."""
    from wssis.config.importing import ImportWeightsSettings
    from wssis.stages.import_weights import run

    run(parse_settings(ImportWeightsSettings, settings), source, out, annotations)
