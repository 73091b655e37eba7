"""The command line: one command per stage, each a pure function of settings and paths, and those that look at studies.

Heavy imports stay inside the commands, so that `wssis --help` is instant. Settings arrive as the JSON of the stage's
settings model; what is left out has its default. Bad input ends with one message and exit status 2.
"""

import errno
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from wssis.annotate.commands import annotate
from wssis.audit.commands import audit, export_study, show, trace
from wssis.checking.commands import check_data
from wssis.commands.data import check_images, data_warnings, generate, prepare, take_given
from wssis.commands.labels import box_points, points, points_given, split, split_given
from wssis.commands.masks import box_pseudo, confident_labels, crops, oracle_mask, propose, pseudo, score_thresholds
from wssis.commands.results import evaluate, predict_shown, pseudo_quality, report, show_given
from wssis.commands.training import (
    check_networks,
    import_weights,
    train_box_student,
    train_fold,
    train_refiner,
    train_student,
    train_teacher,
)
from wssis.convert.commands import convert, export, join
from wssis.errors import REFUSED, InputError
from wssis.overview.commands import budget, plan, status
from wssis.predicting.commands import export_onnx, predict

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
COMMANDS = (
    prepare, take_given, generate, check_images, split, split_given, points_given, data_warnings, points, box_points,
    train_teacher, train_fold, propose, crops, train_refiner, pseudo, score_thresholds, confident_labels, box_pseudo,
    oracle_mask, train_student, train_box_student, evaluate, pseudo_quality, show_given, predict_shown, report,
    check_networks, import_weights, convert, export, join, check_data, annotate, plan, status, audit, show, trace,
    export_study, budget, predict, export_onnx,
)  # fmt: skip
"""All commands, in the order of `wssis --help`."""


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"wssis {version('wssis')}")
        raise typer.Exit


app = typer.Typer(
    name="wssis",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Weakly semi-supervised instance segmentation: one command per stage of a study."""


for command in COMMANDS:
    app.command()(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; an InputError, a full disk, or a path that cannot be read or written to is printed without
    traceback and ends with status 2."""
    try:
        app(args=arguments)
    except InputError as error:
        _refuse(str(error))
    except OSError as error:
        if error.errno in DISK_FULL:
            _refuse(f"{error}: free some space and give the same command again")
        if error.filename is None:
            raise
        _refuse(f"{error.filename}: {error.strerror}; correct the path, or its permissions")


def _refuse(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(REFUSED) from None
