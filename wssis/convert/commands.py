"""The command that reads labels of other tools; like all commands it imports what is heavy when it runs."""

from pathlib import Path
from typing import Annotated

import typer


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
        int | None, typer.Option(min=0, help="Number images and annotations from here, where they have no ids.")
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
    )  # fmt: skip
    print(summary(convert_labels(request, Options(keypoint, category))))
