"""wssis show --picture: an artifact as one PNG."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from wssis.audit.artifact import Artifact, recognised
from wssis.audit.contents import read_metrics
from wssis.audit.image_sheets import folder_sheet, image_sheet, shown_sheet
from wssis.audit.sheets import coco_sheet, detection_sheet, store_sheet
from wssis.audit.show import one_line
from wssis.audit.show_parts import whole_table
from wssis.errors import InputError
from wssis.formats.atomic import temporary_path
from wssis.formats.ledger_stream import ledger_parts
from wssis.formats.metrics_file import losses_of
from wssis.formats.scores import read_scores
from wssis.report_page.curves import read_curves

DPI = 130
COLOURS = ("#0b6b68", "#c8742a", "#7a5ea8", "#5f86b3", "#a3486b", "#587f3a")
STYLE = {
    "font.size": 9.5, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": "#eceef2", "axes.titlesize": 10, "axes.titlelocation": "left",
}  # fmt: skip


def write_picture(path: Path, out: Path, image_dir: Path | None = None, names: Sequence[str] = ()) -> str:
    """Write the picture of an artifact to `out`, a PNG. Returns what of the artifact it shows, in words.

    Args:
        image_dir: the images of a COCO file; where none is given, those that the study drew, else a grey ground.
        names: file names of the images to draw; none: some, evenly from the first to the last.

    Raises:
        InputError: the artifact is of a kind without a picture, or damaged, or has no image of a name; `out` is no PNG.
    """
    if out.suffix != ".png":
        raise InputError(f"{out}: pictures are PNG files; give a name that ends in .png")
    artifact = recognised(path)
    with matplotlib.rc_context(STYLE):
        with one_line(path):
            picture, told = _picture(artifact, image_dir, names)
        with temporary_path(out) as temporary:
            if isinstance(picture, Figure):
                picture.savefig(temporary, dpi=DPI)
            else:
                picture.save(temporary)
    return told


def _picture(
    artifact: Artifact, image_dir: Path | None, names: Sequence[str]
) -> tuple[Figure, str] | tuple[Image.Image, str]:
    path = artifact.path
    if artifact.kind in SHEETS:
        return SHEETS[artifact.kind](path, image_dir, names)
    if artifact.kind in FIGURES:
        if names:
            raise InputError(f"{path}: {artifact.title}: its picture is a diagram of all of it; leave --image out")
        return FIGURES[artifact.kind](path), artifact.title
    raise InputError(f"{path}: {artifact.title}: it has no picture; leave --picture out to read it as text")


def _figure(panels: int, title: str, width: float = 4.4) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(width * panels, 3.4), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure, np.atleast_1d(figure.subplots(1, panels)).tolist()


def _name(path: Path) -> str:
    """The end of a path, from the mix on where it is in a study."""
    return "/".join(path.resolve().parts[-3:])


def _bars(axes: Axes, counts: dict[str, int], title: str) -> None:
    """Horizontal bars with their numbers."""
    bars = axes.barh([str(name) for name in counts], list(counts.values()), color=COLOURS[0])
    axes.bar_label(bars, labels=[f"{number:,}" for number in counts.values()], padding=3)
    axes.margins(x=0.18)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_title(title)


def _ledger(path: Path) -> Figure:
    frame = pd.concat(ledger_parts(path), ignore_index=True)
    figure, (statuses, levels, scores) = _figure(3, f"{_name(path)}: {len(frame):,} records")
    _bars(statuses, frame["status"].value_counts().to_dict(), "what became of the points")
    chosen = frame["level"].value_counts().sort_index()
    _bars(levels, {f"level {level}": number for level, number in chosen.items()}, "chosen level")
    for place, name in enumerate(("score", "maskness", "category_score")):
        values = frame[name].dropna()
        scores.hist(values, np.linspace(0, 1, 26), histtype="step", color=COLOURS[place], linewidth=1.6, label=name)
    scores.set_title("scores")
    scores.set_ylabel("records")
    scores.legend(frameon=False)
    return figure


def _metrics(path: Path) -> Figure:
    lines = read_metrics(path)["lines"]
    if not lines:
        raise InputError(f"{path}: has no lines, the weights were given; there is nothing to draw")
    steps = [line["step"] for line in lines]
    figure, (losses, rates) = _figure(2, f"{_name(path)}: {steps[-1]:,} steps")
    for place, name in enumerate(losses_of(lines[-1])):
        losses.plot(steps, [line[name] for line in lines], color=COLOURS[place], label=name)
    losses.set_title("losses")
    losses.set_ylim(bottom=0)
    losses.legend(frameon=False)
    rates.plot(steps, [line["lr"] for line in lines], color=COLOURS[3])
    rates.set_title("learning rate")
    rates.set_ylim(bottom=0)
    for axes in (losses, rates):
        axes.set_xlabel("step")
    return figure


def _scores(path: Path) -> Figure:
    scores = read_scores(path)
    classes = [one for one in scores["per_class"] if one["AP"] is not None]
    if scores["AP"] is None or not classes:
        raise InputError(f"{path}: no class has an AP; there is nothing to draw")
    figure = Figure(figsize=(6.4, 1.4 + 0.3 * len(classes)), layout="constrained")
    axes = figure.subplots()
    figure.suptitle(f"{_name(path)}: AP {scores['AP']:.1f}", x=0.01, ha="left", fontsize=11, fontweight="bold")
    names = [f"{one['name']} ({one['objects']:,})" for one in classes]
    bars = axes.barh(names, [one["AP"] for one in classes], color=COLOURS[0])
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.axvline(scores["AP"], color=COLOURS[1], linewidth=1.2)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.set_title("AP by class (objects); the line is the mean")
    return figure


def _quality(path: Path) -> Figure:
    frame = whole_table(path, "quality")
    figure, (axes,) = _figure(1, f"{_name(path)}: {len(frame):,} points", 6.4)
    for place, kind in enumerate(("pseudo", "rough")):
        values = frame[f"iou_{kind}"].dropna()
        if values.empty:  # An arm without points has no proposals.
            continue
        label = f"{kind} masks, mean {values.mean():.3f}"
        axes.hist(values, np.linspace(0, 1, 26), histtype="step", color=COLOURS[place], linewidth=1.8, label=label)
    axes.set_xlabel("IoU with the hidden mask")
    axes.set_ylabel("points")
    axes.legend(frameon=False, loc="upper left")
    return figure


def _points(path: Path) -> Figure:
    frame = whole_table(path, "points")
    figure, (axes,) = _figure(1, f"{_name(path)}: {len(frame):,} points", 5.4)
    axes.scatter(frame["x"], frame["y"], s=9, color=COLOURS[0], alpha=0.6, linewidths=0)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_title("where in their images, px")
    return figure


def _split(path: Path) -> Figure:
    figure, (axes,) = _figure(1, _name(path), 5.4)
    _bars(axes, dict(Counter(whole_table(path, "split")["label_kind"]).most_common()), "images by label kind")
    return figure


def _curves(path: Path) -> Figure:
    curves = [curve for curve in read_curves(path).curves if curve.points]
    if not curves:
        raise InputError(f"{path}: no arm has an AP and a price; there is nothing to draw")
    figure, panels = _figure(len(curves), _name(path), 5.4)
    for axes, curve in zip(panels, curves, strict=True):
        for place, arm in enumerate(dict.fromkeys(one.arm for one in curve.points)):
            own = sorted((next(iter(one.days.values())), one.mean) for one in curve.points if one.arm == arm)
            axes.plot(*zip(*own, strict=True), "o-", color=COLOURS[place % len(COLOURS)], label=arm)
        axes.set_title(f"{curve.dataset}, {curve.variant}: seeds {', '.join(curve.seeds)}")
        axes.set_xlabel(f"label days, {next(iter(curve.points[0].days))}")
        axes.set_ylabel("mask AP")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False)
    return figure


FIGURES: dict[str, Callable[[Path], Figure]] = {
    "ledger": _ledger,
    "metrics": _metrics,
    "scores": _scores,
    "quality": _quality,
    "points": _points,
    "split": _split,
    "curves": _curves,
}
SHEETS = {
    "coco": coco_sheet,
    "detections": detection_sheet,
    "store": store_sheet,
    "shown": shown_sheet,
    "images": folder_sheet,
    "image": image_sheet,
}
