"""Stage check_images: open and hash every image once, so that later stages can trust what they read."""

from collections.abc import Sequence
from pathlib import Path

from wssis.checking.parts import Part, expected_images, missing_folders
from wssis.checking.survey import survey_images
from wssis.config.data_stages import PrepareSettings
from wssis.errors import InputError
from wssis.formats.coco_stream import annotations_of, read_frame
from wssis.formats.image_facts import write_image_facts
from wssis.formats.images_table import ImageRow, write_images_table
from wssis.formats.manifest import StageRun
from wssis.formats.remark import refusal

FACTS = "image_facts.csv"


def duplicates(rows: Sequence[ImageRow]) -> list[tuple[ImageRow, ImageRow]]:
    """Pairs of a training and a validation image whose files are equal to the byte."""
    train = {row.sha256: row for row in rows if row.subset == "train"}
    return [(train[row.sha256], row) for row in rows if row.subset == "val" and row.sha256 in train]


def run(
    settings: PrepareSettings,
    train: Path,
    val: Path,
    train_images: Path,
    val_images: Path,
    out: Path,
    workers: int = 0,
) -> None:
    """Check the images of train.json and val.json; write images.csv, image_facts.csv beside it, and their manifest.

    Images that are in both subsets are counted in the manifest (`train_images_in_val`).

    Raises:
        InputError: names every image that is missing, unreadable, truncated or of another size.
    """
    out = Path(out)
    inputs = {"train": Path(train), "val": Path(val)}
    parts = [Part("train", inputs["train"], Path(train_images)), Part("val", inputs["val"], Path(val_images))]
    with StageRun("check_images", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage_run:
        frames = {part.name: read_frame(part.annotations) for part in parts}
        frames["train"]["annotations"] = [one for one in annotations_of(inputs["train"]) if "point" in one]
        survey = survey_images(expected_images(parts, frames), workers)
        if problems := missing_folders(parts) + survey.problems:
            raise InputError(refusal(problems))
        write_images_table(out, survey.rows)
        write_image_facts(out.with_name(FACTS), survey.facts)
        stage_run.output(out, out.with_name(FACTS))
        stage_run.counts["images"] = len(survey.rows)
        stage_run.counts["train_images_in_val"] = len(duplicates(survey.rows))
