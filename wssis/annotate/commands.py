"""The command that serves the labelling page; like all commands it imports what is heavy when it runs."""

from pathlib import Path
from typing import Annotated

import typer


def annotate(
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    out: Annotated[Path, typer.Option(help="COCO file of the finished images; the journal lies beside it.")],
    categories: Annotated[
        Path | None, typer.Option(help="COCO file with the classes and their ids; images it has masks of are left out.")
    ] = None,
    class_: Annotated[
        list[str] | None, typer.Option("--class", help="A class, where no file has them; may be repeated.")
    ] = None,
    images_from: Annotated[
        Path | None, typer.Option(help="COCO file that lists the images of the folder, with their ids.")
    ] = None,
    points: Annotated[
        Path | None, typer.Option(help="Points to begin with, in weak.json's form; its images count as finished.")
    ] = None,
    boxes: Annotated[
        Path | None, typer.Option(help="COCO file with boxes: the second view, object or background at drawn points.")
    ] = None,
    points_per_box: Annotated[int, typer.Option(min=1, max=1000, help="With --boxes: points drawn in each.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="With --boxes: of the drawn points.")] = 0,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only.")] = False,
    finish: Annotated[bool, typer.Option("--finish", help="Write the files from the journal, and end.")] = False,
) -> None:
    """Put points and classes on images by hand, in a page of this machine's browser; docs/annotate.md."""
    from wssis.annotate.running import run
    from wssis.annotate.setup import Request
    from wssis.errors import InputError

    if points is not None and boxes is not None:
        raise InputError("--points and --boxes: give one of them; each has its own view")
    request = Request(
        images, out, categories, tuple(class_ or ()), images_from, points, boxes, points_per_box, seed
    )  # fmt: skip
    run(request, port, not no_browser, finish)
