"""Commands that look into what a study has left; like all commands they import what is heavy when they run."""

from pathlib import Path
from typing import Annotated

import typer

from wssis.errors import InputError
from wssis.overview.commands import ConfigFiles, DefaultConfig


def audit(
    folder: Annotated[Path, typer.Argument(help="Results folder, one study in it, or an archive of export-study.")],
    workers: Annotated[int, typer.Option(min=0, help="Processes that read a large study; none for a small one.")] = 2,
    rescore: Annotated[
        bool,
        typer.Option(
            "--rescore", help="Compute AP once more from the detections, and IoU of pseudo masks from the masks."
        ),
    ] = False,
) -> None:
    """Check every artifact against its manifest, its inputs and its counts; exit status 1 where something is wrong."""
    from wssis.audit.archive import audit_archive
    from wssis.audit.auditing import audit_study, print_account
    from wssis.audit.study_files import others_in, studies_in

    if folder.is_file() and rescore:
        raise InputError(f"{folder}: --rescore needs the detections, which are in no archive; give the study's folder")
    if folder.is_file():
        audits = [audit_archive(folder)]
    else:
        audits = [audit_study(study, workers, rescore) for study in studies_in(folder)]
        for other in others_in(folder):
            print(f"not looked at: {other}: no study: no manifest of a data set or a split in it")
    raise typer.Exit(print_account(audits))


def show(
    artifact: Annotated[Path, typer.Argument(help="An output of a stage: a file, store, folder; or a manifest.")],
    picture: Annotated[Path | None, typer.Option(help="PNG to write: the artifact as a picture.")] = None,
    image_dir: Annotated[Path | None, typer.Option(help="Images of a COCO file, unless the study drew them.")] = None,
    image: Annotated[
        list[str] | None, typer.Option(help="File name of an image to draw, larger; again for more. Else some.")
    ] = None,
) -> None:
    """What an artifact is: settings, inputs, counts, and its content as a table or a picture."""
    from wssis.audit.show import show as described
    from wssis.audit.show_pictures import write_picture

    if picture is None:
        if image or image_dir:
            raise InputError("--image and --image-dir go with --picture FILE.png: without it there is only text")
        print(described(artifact))
    else:
        told = write_picture(artifact, picture, image_dir, image or ())
        print(f"{picture}: {told}")


def trace(
    artifact: Annotated[Path, typer.Argument(help="An artifact of a study.")],
    against: Annotated[Path | None, typer.Option(help="Another artifact: say what differs on the way to it.")] = None,
) -> None:
    """Where an artifact comes from, as a tree; with --against, where its way parts from another's."""
    from wssis.audit.trace import ancestry, tree
    from wssis.audit.trace_against import compared

    if against is None:
        print(tree(ancestry(artifact)))
    else:
        print(compared(ancestry(artifact), ancestry(against)))


def export_study(
    study: Annotated[Path, typer.Argument(help="Folder of a study, results/NAME.")],
    archive: Annotated[Path, typer.Argument(help="The zip to write.")],
    configfile: ConfigFiles = None,
    config: DefaultConfig = Path("config.yaml"),
    workers: Annotated[int, typer.Option(min=0, help="Processes that audit a large study; none for a small one.")] = 2,
) -> None:
    """Report, scores, manifests, configuration and installed packages in one archive, which wssis audit verifies."""
    from wssis.audit.archive import export_study as write_archive

    print("\n".join(write_archive(study, archive, config, configfile or (), workers)))
