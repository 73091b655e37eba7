"""Commands that take or draw a data set, and look at its images."""

from pathlib import Path
from typing import Annotated

import typer

from wssis.commands.options import (
    ImageDir,
    ImagesTable,
    OptionalFolder,
    OutFile,
    OutFolder,
    Settings,
    Train,
    Val,
    Workers,
    parse_settings,
)
from wssis.config.data_stages import DataWarningsSettings, GenerateSettings, PrepareSettings
from wssis.config.half_labelled import TakeGivenSettings


def prepare(
    train_annotations: Train,
    val_annotations: Val,
    out: OutFolder,
    train_images: OptionalFolder = None,
    val_images: OptionalFolder = None,
    workers: Workers = 0,
    settings: Settings = "{}",
) -> None:
    """Check a data set's annotations and write train.json, val.json."""
    from wssis.stages.prepare import run

    parsed = parse_settings(PrepareSettings, settings)
    run(parsed, train_annotations, val_annotations, out, train_images, val_images, workers)


def take_given(
    full: Annotated[Path, typer.Option(help="COCO file of the images with masks.")],
    weak: Annotated[Path, typer.Option(help="COCO file of the images with a point per object.")],
    out: OutFolder,
    unlabelled: Annotated[Path | None, typer.Option(help="COCO file of the images nobody looked at.")] = None,
    val: Annotated[Path | None, typer.Option(help="COCO file of the validation images; none: hold some out.")] = None,
    full_images: OptionalFolder = None,
    weak_images: OptionalFolder = None,
    unlabelled_images: OptionalFolder = None,
    val_images: OptionalFolder = None,
    workers: Workers = 0,
    settings: Settings = "{}",
) -> None:
    """Check half-labelled files and write train.json, val.json, given.csv."""
    from wssis.stages.take_given import run

    run(
        parse_settings(TakeGivenSettings, settings),
        full=(full, full_images), weak=(weak, weak_images), unlabelled=(unlabelled, unlabelled_images),
        val=(val, val_images), out=out, workers=workers,
    )  # fmt: skip


def generate(out: OutFolder, settings: Settings = "{}") -> None:
    """Draw the embedded data set `shapes`: train.json, val.json, images/."""
    from wssis.stages.generate import run

    run(parse_settings(GenerateSettings, settings), out)


def check_images(
    train: Train,
    val: Val,
    train_images: ImageDir,
    val_images: ImageDir,
    out: OutFile,
    workers: Workers = 0,
    settings: Settings = "{}",
) -> None:
    """Open and hash every image: images.csv."""
    from wssis.stages.check_images import run

    run(parse_settings(PrepareSettings, settings), train, val, train_images, val_images, out, workers)


def data_warnings(
    val: Val,
    images_table: ImagesTable,
    image_facts: Annotated[Path, typer.Option(help="image_facts.csv, beside images.csv.")],
    out: OutFile,
    split: Annotated[list[Path] | None, typer.Option(help="Folder of a run with split.csv and full.json.")] = None,
    clicked: Annotated[list[Path] | None, typer.Option(help="Those of them with clicks of people: weak.json.")] = None,
    settings: Settings = "{}",
) -> None:
    """What is worth a look in a data set without problems: data_warnings.json."""
    from wssis.stages.data_warnings import run

    parsed = parse_settings(DataWarningsSettings, settings)
    run(parsed, val, images_table, image_facts, split or (), out, clicked or ())
