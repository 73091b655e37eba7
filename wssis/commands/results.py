"""Commands that measure what came out, and show it."""

from pathlib import Path
from typing import Annotated

import typer

from wssis.commands.options import (
    HiddenIds,
    ImageDir,
    ImagesTable,
    OutFile,
    OutFolder,
    PseudoSet,
    Settings,
    Train,
    Val,
    Weak,
    WeakProposals,
    Workers,
    joined_folder,
    parse_pairs,
    parse_settings,
)
from wssis.config.mask_stages import QualitySettings
from wssis.config.report import ReportSettings
from wssis.config.segmentor_stages import DetectionSettings, EvaluateSettings


def evaluate(
    model: Annotated[Path, typer.Option(help="model.safetensors of a teacher or student.")],
    val: Val,
    images_table: ImagesTable,
    image_dir: ImageDir,
    out: OutFolder,
    settings: Settings = "{}",
) -> None:
    """Mask and box AP on the validation images: detections.json, scores.json."""
    from wssis.stages.evaluate import run

    run(parse_settings(EvaluateSettings, settings), model, val, images_table, image_dir, out)


def pseudo_quality(
    train: Train,
    weak: Weak,
    hidden_ids: HiddenIds,
    pseudo: PseudoSet,
    out: OutFile,
    shown: Annotated[Path, typer.Option(help="JSON: the few weak images that the report shows.")],
    proposals: WeakProposals = None,
    settings: Settings = "{}",
) -> None:
    """Compare pseudo masks with the hidden truth; nothing trains on the outcome."""
    from wssis.stages.quality import run

    run(
        parse_settings(QualitySettings, settings),
        train=train, weak=weak, hidden_ids=hidden_ids, pseudo=pseudo, out=out, shown=shown, proposals=proposals,
    )  # fmt: skip


def show_given(
    weak: Weak,
    pseudo: PseudoSet,
    out: OutFile,
    proposals: WeakProposals = None,
    full: Annotated[Path | None, typer.Option(help="full.json, for the IoU of out-of-fold pairs.")] = None,
    pairs: Annotated[Path | None, typer.Option(help="proposals/full.json, out of fold.")] = None,
    settings: Settings = "{}",
) -> None:
    """Choose weak images to show, and count what became of the clicks: there is no hidden truth to compare with."""
    from wssis.stages.show_given import run

    run(
        parse_settings(QualitySettings, settings),
        weak=weak, pseudo=pseudo, out=out, proposals=proposals, full=full, pairs=pairs,
    )  # fmt: skip


def predict_shown(
    model: Annotated[Path, typer.Option(help="model.safetensors of the arm's student.")],
    shown: Annotated[Path, typer.Option(help="quality/{arm}.shown.json: which weak images.")],
    images_table: ImagesTable,
    image_dir: ImageDir,
    out: OutFile,
    settings: Settings = "{}",
) -> None:
    """Predict the few weak images that the report shows; settings are those of evaluate."""
    from wssis.stages.predict_shown import run

    run(parse_settings(DetectionSettings, settings), model, shown, images_table, image_dir, out)


def report(
    context: typer.Context,
    plan: Annotated[typer.FileText, typer.Option(help="JSON: the rows of the study, each with its files; - is stdin.")],
    results: Annotated[Path, typer.Option(help="Folder of the study.")],
    image_dir: Annotated[list[str], typer.Option(help="DATASET=FOLDER of the training images; may be repeated.")],
    out: OutFolder,
    workers: Workers = 0,
    settings: Settings = "{}",
) -> None:
    """Write the page and scores.csv."""
    from wssis.stages.report import run

    named = parse_pairs("--image-dir", image_dir)
    folders = {name: joined_folder(context, folder) for name, folder in named.items()}
    run(parse_settings(ReportSettings, settings), plan.read(), results, folders, out, workers)
