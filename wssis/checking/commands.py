"""The command that checks data; like all commands it imports what is heavy when it runs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wssis.errors import InputError


class ZeroArea(StrEnum):
    """What becomes of masks without a pixel, as `prepare` takes it."""

    REFUSE = "refuse"
    DROP = "drop"


def check_data(
    annotations: Annotated[Path | None, typer.Argument(help="COCO file with masks.")] = None,
    image_dir: Annotated[Path | None, typer.Option(help="Folder of its images.")] = None,
    val: Annotated[Path | None, typer.Option(help="COCO file with masks of the validation images.")] = None,
    val_image_dir: Annotated[Path | None, typer.Option(help="Their folder; --image-dir if left out.")] = None,
    weak: Annotated[Path | None, typer.Option(help="COCO file with points instead of masks.")] = None,
    weak_image_dir: Annotated[Path | None, typer.Option(help="Their folder; --image-dir if left out.")] = None,
    unlabelled: Annotated[Path | None, typer.Option(help="COCO file of images without labels.")] = None,
    unlabelled_image_dir: Annotated[Path | None, typer.Option(help="Their folder; --image-dir if left out.")] = None,
    configfile: Annotated[
        list[Path] | None, typer.Option(help="Study files: check the data sets of the study instead.")
    ] = None,
    config: Annotated[Path, typer.Option(help="config.yaml of the workflow.")] = Path("config.yaml"),
    zero_area: Annotated[
        ZeroArea, typer.Option(help="Masks without a pixel: refuse, or drop; a study says it itself.")
    ] = ZeroArea.REFUSE,
    workers: Annotated[int, typer.Option(min=0, help="Processes that look at images beside this one.")] = 2,
    everything: Annotated[bool, typer.Option("--all", help="Print every problem, not three of each kind.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every problem.")] = False,
) -> None:
    """All that is wrong with a data set at once, and what is worth a look: docs/check-data.md. Status 1: problems."""
    from wssis.checking import summary
    from wssis.checking.check import check_parts
    from wssis.checking.parts import Part
    from wssis.checking.study_check import check_study
    from wssis.config.files import read_study

    given = [
        ("full" if weak or unlabelled else "train", annotations, image_dir, "masks"),
        ("weak", weak, weak_image_dir, "points"),
        ("unlabelled", unlabelled, unlabelled_image_dir, "none"),
        ("val", val, val_image_dir, "masks"),
    ]
    parts = [
        Part(name, file, _folder(name, folder or image_dir), labels) for name, file, folder, labels in given if file
    ]
    if bool(parts) == bool(configfile):
        raise InputError("give annotation files and their image folders, or a study by --configfile")
    if configfile:
        checked = check_study(read_study(config, configfile), workers)
    else:
        name = ", ".join(part.annotations.name for part in parts)
        checked = [check_parts(name, parts, zero_area=zero_area.value, workers=workers)]
    print(summary.as_json(checked) if as_json else summary.summary(checked, None if everything else summary.EXAMPLES))
    if any(one.problems for one in checked):
        raise typer.Exit(1)


def _folder(name: str, folder: Path | None) -> Path:
    if folder is None:
        option = "--image-dir" if name in ("train", "full") else f"--{name}-image-dir or --image-dir"
        raise InputError(f"the folder of the {name} images is not known; give {option}")
    return folder
