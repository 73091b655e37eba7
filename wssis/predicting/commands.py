"""Commands that use a trained model on a user's images; like all commands they import what is heavy when they run."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wssis.errors import InputError


def predict(
    paths: Annotated[
        list[Path], typer.Argument(metavar="[MODEL] IMAGES...", help="The model, then image files or folders of them.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the outputs.")],
    points: Annotated[Path | None, typer.Option(help="JSON or CSV: make masks for these points instead.")] = None,
    teacher: Annotated[Path | None, typer.Option(help="With --points: model.safetensors of a segmentor.")] = None,
    refiner: Annotated[
        Path | None, typer.Option(help="With --points: model.safetensors of a refiner; else rough masks.")
    ] = None,
    median_boxes_from: Annotated[
        Path | None, typer.Option(help="With --points: full.json, for points whose rough mask is empty.")
    ] = None,
    selection: Annotated[
        str | None, typer.Option(help="With --points: published, consistent or vote (proposals.selection).")
    ] = None,
    overlays: Annotated[str, typer.Option(help="How many images to paint: a number, all or none.")] = "20",
    overlay_score: Annotated[float, typer.Option(help="Detections that score less are not painted.")] = 0.3,
    short_side: Annotated[int | None, typer.Option(help="Short side of the image in the network, px.")] = None,
    long_side: Annotated[int | None, typer.Option(help="Upper bound of its long side, px.")] = None,
    score_threshold: Annotated[float | None, typer.Option(help="Lowest category score of a candidate.")] = None,
    mask_threshold: Annotated[float | None, typer.Option(help="Probability above which a pixel is mask.")] = None,
    max_detections: Annotated[int | None, typer.Option(help="Detections per image, at most.")] = None,
    crop_scale: Annotated[float | None, typer.Option(help="With --refiner: window over the rough mask's box.")] = None,
    crop_min_side: Annotated[int | None, typer.Option(help="With --refiner: least side of a window, px.")] = None,
    flip: Annotated[
        bool | None, typer.Option("--flip/--no-flip", help="With --refiner: average over the mirrored crop.")
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Images per forward pass.")] = None,
    threads: Annotated[int | None, typer.Option(help="Compute threads on a CPU.")] = None,
) -> None:
    """Use a trained model on images: detections, or masks for points; exit status 1 where an image was skipped.

    Settings that are not given are those that the study used the model with, from the manifests beside it.
    """
    given = {
        "short_side": short_side, "long_side": long_side, "score_threshold": score_threshold,
        "mask_threshold": mask_threshold, "max_detections": max_detections, "crop_scale": crop_scale,
        "crop_min_side": crop_min_side, "flip": flip, "selection": selection, "batch": batch, "threads": threads,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    painted = _painted(overlays)
    of_refiner = {"--crop-scale": crop_scale, "--crop-min-side": crop_min_side, "--flip": flip}
    if points is None:
        unfit = {"--teacher": teacher, "--refiner": refiner, "--median-boxes-from": median_boxes_from}
        _refuse_unfit({**unfit, **of_refiner, "--selection": selection}, "needs --points")
        problems = _detect(paths, out, painted, overlay_score, given)
    else:
        _refuse_unfit({"--max-detections": max_detections}, "does not go with --points")
        if refiner is None:
            _refuse_unfit(of_refiner, "needs --refiner")
        problems = _mask_points(paths, out, points, teacher, refiner, median_boxes_from, painted, given)
    raise typer.Exit(1 if problems else 0)


def _detect(
    paths: list[Path], out: Path, overlays: int | None, overlay_score: float, given: dict[str, Any]
) -> int:
    from wssis.predicting.recorded import evaluate_settings
    from wssis.stages.predict import run

    model, *images = paths
    if not images:
        raise InputError("predict needs a model and images: wssis predict MODEL IMAGES... --out FOLDER")
    settings, source = evaluate_settings(model, given)
    print(f"settings: {source}{_changed(given)}")
    return run(settings, model, images, out, overlays, overlay_score)


def _mask_points(
    images: list[Path],
    out: Path,
    points: Path,
    teacher: Path | None,
    refiner: Path | None,
    median_boxes_from: Path | None,
    overlays: int | None,
    given: dict[str, Any],
) -> int:
    from wssis.predicting.recorded import median_boxes_file, point_mask_settings
    from wssis.stages.predict_points import run

    if teacher is None:
        raise InputError("--points needs --teacher, the segmentor whose predictions the points filter")
    settings, sources = point_mask_settings(teacher, refiner, given)
    print("\n".join(f"settings of {source}" for source in sources) + _changed(given))
    if median_boxes_from is None and refiner is not None:
        median_boxes_from = median_boxes_file(refiner)
        print(f"median boxes: {median_boxes_from or 'unknown; points whose rough mask is empty stay unmasked'}")
    return run(settings, points, teacher, refiner, median_boxes_from, images, out, overlays)


def _changed(given: dict[str, Any]) -> str:
    return f"; changed: {', '.join(f'{name} {value}' for name, value in given.items())}" if given else ""


def _painted(text: str) -> int | None:
    """How many images to paint; None: all."""
    if text in ("all", "none"):
        return None if text == "all" else 0
    if not text.isdecimal():
        raise InputError(f"--overlays: a number, all or none, not {text!r}")
    return int(text)


def _refuse_unfit(options: dict[str, object], relation: str) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise InputError(f"{', '.join(given)} {relation}")


def export_onnx(
    model: Annotated[Path, typer.Argument(help="model.safetensors of a teacher or student.")],
    out: Annotated[Path, typer.Argument(help="The .onnx file to write.")],
    height: Annotated[int, typer.Option(help="Height of the images that it will take, px.")],
    width: Annotated[int, typer.Option(help="Width of the images that it will take, px.")],
    batch: Annotated[int, typer.Option(help="Images per pass.")] = 1,
    tolerance: Annotated[float, typer.Option(help="Largest absolute difference from PyTorch, of any output.")] = 1e-3,
) -> None:
    """Write a segmentor's network as ONNX, from pixels to dense outputs, once onnxruntime agrees with PyTorch."""
    from wssis.predicting.recorded import valid
    from wssis.stages.export_onnx import ExportOnnxSettings, run

    values = {"height": height, "width": width, "batch": batch, "tolerance": tolerance}
    comparison = run(valid(ExportOnnxSettings, values), model, out)
    for name, difference in comparison.difference.items():
        largest = comparison.magnitude[name]
        print(f"{name}: differs from PyTorch by at most {difference:.2g} (values up to {largest:.3g})")
    print(f"{out}: {out.stat().st_size / 2**20:.1f} MiB; largest difference {comparison.worst[1]:.2g}")
