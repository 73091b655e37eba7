"""Commands from points, or from a teacher's detections, to the training set of an arm."""

from pathlib import Path
from typing import Annotated

import typer

from wssis.commands.options import (
    Full,
    HiddenIds,
    ImageDir,
    ImagesTable,
    OutFile,
    Proposals,
    Settings,
    Split,
    Train,
    Weak,
    Workers,
    parse_pairs,
    parse_settings,
)
from wssis.config.mask_stages import CropsSettings, OracleMaskSettings, ProposalsSettings, PseudoSettings
from wssis.config.segmentor_stages import ConfidentLabelsSettings, ScoreThresholdsSettings


def propose(
    side: Annotated[str, typer.Option(help="full or weak.")],
    annotations: Annotated[Path, typer.Option(help="full.json or weak.json of the run.")],
    images_table: ImagesTable,
    image_dir: ImageDir,
    out: OutFile,
    ledger: Annotated[Path, typer.Option(help="CSV: what became of every point.")],
    predictor: Annotated[
        list[str] | None,
        typer.Option(help="NAME=CHECKPOINT: teacher, fold0 ..., snapshot1, snapshot2; none for corrupt pairs."),
    ] = None,
    full_points: Annotated[Path | None, typer.Option(help="full_points.csv, for the full side.")] = None,
    settings: Settings = "{}",
) -> None:
    """Filter dense predictions by the points: rough masks and their ledger."""
    from wssis.stages.proposals import run

    run(
        parse_settings(ProposalsSettings, settings),
        side=side,
        annotations=annotations,
        predictors=parse_pairs("--predictor", predictor or []),
        images_table=images_table,
        image_dir=image_dir,
        out=out,
        ledger=ledger,
        full_points=full_points,
    )


def crops(
    proposals: Proposals,
    median_boxes_from: Full,
    image_dir: ImageDir,
    images_table: ImagesTable,
    out: OutFile,
    targets: Annotated[Path | None, typer.Option(help="full.json, to pair proposals with true masks.")] = None,
    temporary: Annotated[bool, typer.Option("--temporary", help="The manifest says that the store will go.")] = False,
    workers: Workers = 0,
    settings: Settings = "{}",
) -> None:
    """Cut one window per proposal into a Zarr store."""
    from wssis.stages.crops import run

    run(
        parse_settings(CropsSettings, settings),
        proposals=proposals,
        median_boxes_from=median_boxes_from,
        image_dir=image_dir,
        images_table=images_table,
        out=out,
        targets=targets,
        workers=workers,
        temporary=temporary,
    )


def pseudo(
    full: Full,
    weak: Weak,
    proposals: Proposals,
    out: OutFile,
    crops: Annotated[Path | None, typer.Option(help="Store of the weak side's crops (refined masks).")] = None,
    refiner: Annotated[Path | None, typer.Option(help="The refiner's model.safetensors (refined masks).")] = None,
    settings: Settings = "{}",
) -> None:
    """Put an arm's training set together: full masks and pseudo masks."""
    from wssis.stages.pseudo import run

    run(parse_settings(PseudoSettings, settings), full, weak, proposals, out, crops=crops, refiner=refiner)


def score_thresholds(
    full: Full,
    predictor: Annotated[list[str], typer.Option(help="NAME=CHECKPOINT of every fold teacher: fold0 ...")],
    images_table: ImagesTable,
    image_dir: ImageDir,
    out: OutFile,
    settings: Settings = "{}",
) -> None:
    """Choose, per class, how sure a detection must be to become a label, from out-of-fold predictions."""
    from wssis.stages.score_thresholds import run

    chosen = parse_settings(ScoreThresholdsSettings, settings)
    run(chosen, full, parse_pairs("--predictor", predictor), images_table, image_dir, out)


def confident_labels(
    full: Full,
    split: Split,
    thresholds: Annotated[Path, typer.Option(help="thresholds.csv of the run.")],
    teacher: Annotated[Path, typer.Option(help="The teacher's model.safetensors.")],
    images_table: ImagesTable,
    image_dir: ImageDir,
    out: OutFile,
    settings: Settings = "{}",
) -> None:
    """Put the training set of semi together: full masks and the teacher's confident detections, no points."""
    from wssis.stages.confident_labels import run

    chosen = parse_settings(ConfidentLabelsSettings, settings)
    run(chosen, full, split, thresholds, teacher, images_table, image_dir, out)


def box_pseudo(
    full: Full,
    box_points: Annotated[Path, typer.Option(help="box_points.json of the run.")],
    model: Annotated[Path, typer.Option(help="model.safetensors of a student of boxes with points.")],
    images_table: ImagesTable,
    image_dir: ImageDir,
    out: OutFile,
    settings: Settings = "{}",
) -> None:
    """Put a training set together: full masks, and the masks that a network predicts in the given boxes."""
    from wssis.config.box_points import BoxPseudoSettings
    from wssis.stages.box_pseudo import run

    run(parse_settings(BoxPseudoSettings, settings), full, box_points, model, images_table, image_dir, out)


def oracle_mask(
    train: Train,
    full: Full,
    weak: Weak,
    hidden_ids: HiddenIds,
    out: OutFile,
    settings: Settings = "{}",
) -> None:
    """Put the training set of oracle-mask together: full masks, and the hidden masks of the weak points."""
    from wssis.stages.oracle_mask import run

    run(parse_settings(OracleMaskSettings, settings), train, full, weak, hidden_ids, out)
