"""What the commands of the stages have in common: options, image folders, settings as JSON, pairs of NAME=PATH."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from wssis.config.messages import problems_of
from wssis.config.section import Section
from wssis.errors import InputError

SomeSection = TypeVar("SomeSection", bound=Section)

Settings = Annotated[str, typer.Option("--settings", help="The stage's settings as JSON; missing keys: defaults.")]
Train = Annotated[Path, typer.Option(help="train.json of the data set.")]
Val = Annotated[Path, typer.Option(help="val.json of the data set.")]
Full = Annotated[Path, typer.Option(help="full.json of the run: the images with masks.")]
Weak = Annotated[Path, typer.Option(help="weak.json of the run: the images with points.")]
Split = Annotated[Path, typer.Option(help="split.csv of the run.")]
HiddenIds = Annotated[Path, typer.Option(help="hidden_ids.csv of the run.")]
ImagesTable = Annotated[Path, typer.Option(help="images.csv: size and sha256 of every image.")]


def joined_folder(context: typer.Context, folder: Path) -> Path:
    """The image folder that an option names; of several, a:b, one with links to their files, for as long as the command
    runs."""
    from wssis.formats.image_folders import one_folder

    return context.with_resource(one_folder(str(folder)))


ImageDir = Annotated[
    Path, typer.Option(help="Folder of the images, or several, A:B; a location, no setting.", callback=joined_folder)
]
OptionalFolder = Annotated[
    Path | None, typer.Option(help="Image folder, looked at only where annotations are refused, to name all problems.")
]
StateRoot = Annotated[Path, typer.Option(help="Folder for what an interrupted training resumes from.")]
Proposals = Annotated[Path, typer.Option(help="proposals/{full,weak}.json of the run.")]
PseudoSet = Annotated[Path, typer.Option(help="pseudo/{arm}.json of the run.")]
WeakProposals = Annotated[Path | None, typer.Option(help="proposals/weak.json; none for labels without points.")]
OutFolder = Annotated[Path, typer.Option(help="Folder of the outputs.")]
OutFile = Annotated[Path, typer.Option(help="The output; its manifest lies beside it.")]
Workers = Annotated[int, typer.Option(min=0, help="Worker processes; results do not depend on it.")]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Write TensorBoard's event files, too; needs the extra `tensorboard`.")
]


def parse_settings(model: type[SomeSection], text: str) -> SomeSection:
    """The settings that a JSON text describes.

    Raises:
        InputError: one line per problem, naming the key and what is legal.
    """
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise InputError("\n".join(["--settings:", *(f"  {line}" for line in problems_of(error, model))])) from None


def parse_pairs(option: str, texts: Sequence[str]) -> dict[str, Path]:
    """{"a": Path("b")} of ["a=b"], in the given order.

    Raises:
        InputError: a text is not NAME=PATH, or a name comes twice.
    """
    pairs: dict[str, Path] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise InputError(f"{option}: expected NAME=PATH, not {text!r}")
        if name in pairs:
            raise InputError(f"{option}: {name!r} is given twice; each name may occur once")
        pairs[name] = Path(path)
    return pairs
