"""The commands that read and write labels of other tools; like all commands they import what is heavy when they run."""

from pathlib import Path
from typing import Annotated

import typer

from wssis.errors import InputError


def convert(
    kind: Annotated[str, typer.Argument(help="points or masks.")],
    label_format: Annotated[str, typer.Argument(metavar="FORMAT", help="Of the labels; a wrong one lists all.")],
    source: Annotated[Path, typer.Argument(help="The labels: a file, or a folder where the format is one.")],
    out: Annotated[Path, typer.Option(help="The COCO file to write.")],
    image_dir: Annotated[Path | None, typer.Option(help="Images: for their sizes, and to compare.")] = None,
    categories: Annotated[Path | None, typer.Option(help="COCO file with the only legal categories.")] = None,
    category: Annotated[str | None, typer.Option(help="The class of labels that name none (instance-png).")] = None,
    keypoint: Annotated[str | None, typer.Option(help="Which keypoint is the point (coco-keypoints).")] = None,
    coordinates: Annotated[
        str | None, typer.Option(help="corners or centres: what lies at integers (csv and COCO's points).")
    ] = None,
    first_id: Annotated[
        int | None, typer.Option(min=0, help="Number what has no ids from here; default: behind --without's ids, or 1.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="A class to leave out; may be repeated.")] = None,
    without: Annotated[
        list[Path] | None, typer.Option(help="COCO file whose images, by name, are left out; may be repeated.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Write nothing if one item is refused.")] = False,
    drop_empty: Annotated[
        bool, typer.Option("--drop-empty", help="Leave out images without labels: nobody looked at them.")
    ] = False,
    keep_incomplete: Annotated[
        bool, typer.Option("--keep-incomplete", help="Keep images of which a label was refused.")
    ] = False,
) -> None:
    """Read points or masks of another tool and write a COCO file of this package's form; docs/convert.md."""
    from wssis.convert.conversion import Request, convert_labels
    from wssis.convert.summary import summary
    from wssis.formats.importers.reader import Options

    request = Request(
        kind, label_format, source, out, image_dir, categories, coordinates, first_id,
        drop_empty=drop_empty, keep_incomplete=keep_incomplete, strict=strict,
        ignore=tuple(ignore or ()), without=tuple(without or ()),
    )  # fmt: skip
    print(summary(convert_labels(request, Options(keypoint, category))))


def export(
    label_format: Annotated[str, typer.Argument(metavar="FORMAT", help="coco, cvat or label-studio.")],
    source: Annotated[Path, typer.Argument(help="pseudo/{arm}.json, masks.json, or any COCO file or results.")],
    out: Annotated[Path, typer.Option(help="The file to write: .json, for cvat .xml.")],
    min_score: Annotated[float | None, typer.Option(help="Only masks that score so much.")] = None,
    max_score: Annotated[float | None, typer.Option(help="Only masks that score no more.")] = None,
    worst: Annotated[
        int | None,
        typer.Option(min=1, help="Only so many images, those with the lowest scores; points without mask count as 0."),
    ] = None,
    whole_images: Annotated[
        bool, typer.Option("--whole-images", help="All masks of the images that the score chooses.")
    ] = False,
    image_url: Annotated[
        str | None, typer.Option(help="label-studio: what stands before an image's name; default: local files.")
    ] = None,
    accepted: Annotated[
        bool, typer.Option("--accepted", help="label-studio: predicted masks as annotations, not as predictions.")
    ] = False,
) -> None:
    """Write masks as files that labelling tools import; docs/export.md."""
    from wssis.convert.exporting import Choice, export_labels, told

    options = {"image_url": image_url, "accepted": accepted or None}
    options = {name: value for name, value in options.items() if value is not None}
    if options and label_format != "label-studio":
        given = ", ".join(f"--{name.replace('_', '-')}" for name in options)
        raise InputError(f"export: {given} is for label-studio alone")
    choice = Choice(min_score, max_score, whole_images, worst)
    print(told(export_labels(label_format, source, out, choice, options)))


def join(
    files: Annotated[list[Path], typer.Argument(help="COCO files of other images each, with equal categories.")],
    out: Annotated[Path, typer.Option(help="The COCO file to write.")],
    without: Annotated[
        list[Path] | None, typer.Option(help="COCO file whose images, by name, are left out; may be repeated.")
    ] = None,
) -> None:
    """Put COCO files together: masks that came from several places, or clicks; docs/convert.md."""
    from wssis.convert.joining import join_files

    if len(set(files)) < 2 or len(set(files)) < len(files):
        raise InputError("join: give two files or more, each once")
    number = join_files(files, out, without or ())
    print(f"{out}: {number['annotations']} annotations on {number['images']} images")
    if without:
        print(f"left out: {number['left_out']} images that --without names")
