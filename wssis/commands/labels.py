"""Commands that say which images have which labels, and simulate points."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from wssis.commands.options import Full, OutFolder, Settings, Split, Train, Workers, parse_settings
from wssis.config.data_stages import PointsSettings, SplitSettings
from wssis.config.half_labelled import GivenSplitSettings


def split(train: Train, out: OutFolder, settings: Settings = "{}") -> None:
    """Draw which images have masks: split.csv, full.json, unlabelled.json."""
    from wssis.stages.split import run

    run(parse_settings(SplitSettings, settings), train, out)


def split_given(
    train: Train,
    given: Annotated[Path, typer.Option(help="given.csv of the data set: the label kind of every image.")],
    out: OutFolder,
    settings: Settings = "{}",
) -> None:
    """Take the split of half-labelled files: split.csv, full.json, unlabelled.json."""
    from wssis.stages.split_given import run

    run(parse_settings(GivenSplitSettings, settings), train, given, out)


def _makes_points(stage: str, told: str) -> Callable[..., None]:
    """The command of a stage that makes the points of a run. told: the help."""

    def command(
        train: Train,
        split: Split,
        full: Full,
        out: OutFolder,
        workers: Workers = 0,
        settings: Settings = "{}",
    ) -> None:
        run = import_module(f"wssis.stages.{stage}").run
        run(parse_settings(PointsSettings, settings), train, split, full, out, workers)

    command.__name__, command.__doc__ = stage, told
    return command


points = _makes_points("points", "Simulate one point per object: full_points.csv, weak.json, hidden_ids.csv.")
points_given = _makes_points(
    "points_given",
    "Take the clicks of half-labelled files, simulate points on full images: weak.json, full_points.csv.",
)


def box_points(train: Train, split: Split, out: OutFolder, settings: Settings = "{}") -> None:
    """Simulate a box and labelled points per object, or take given ones: box_points.json, box_hidden_ids.csv."""
    from wssis.config.box_points import BoxPointsSettings
    from wssis.stages.box_points import run

    run(parse_settings(BoxPointsSettings, settings), train, split, out)
