"""Training curves, from metrics.jsonl."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from statistics import mean

from wssis.errors import InputError
from wssis.formats.manifest import read_manifest
from wssis.formats.metrics_file import losses_of, parse_metrics
from wssis.report_page import figures
from wssis.report_page.figures import Picture
from wssis.report_page.plan import PlannedRow
from wssis.report_page.results import Group, Result

METRICS = "metrics.jsonl"
CURVE_POINTS = 60


def curve_pictures(group: Group) -> list[Picture]:
    """Training losses of the first seed's networks, the refiner's too; none of imported weights."""
    firsts = [next(iter(arm.seeds.values())) for arm in group.arms.values()]
    curves = [_of_network(result) for result in firsts if result.iterations is not None]
    segmentors = max((max(curve.loss) for curve in curves), default=1.0)
    pictures = [_picture(curve, segmentors, group) for curve in curves]
    # The refiner has a loss of another kind, so a height of its own.
    trained = [path for path in _refiners(firsts) if not _imported(path)]
    own = [_curve("refiner", "Refiner", path / METRICS) for path in trained]
    return pictures + [_picture(curve, max(curve.loss), group) for curve in own]


def imported_refiner(group: Group) -> bool:
    """Whether some arm's masks come from a refiner that was not trained here."""
    return any(map(_imported, _refiners([result for arm in group.arms.values() for result in arm.seeds.values()])))


def _refiners(results: Iterable[Result]) -> list[Path]:
    """Folders of the refiners behind the masks of these results, each once."""
    return list(dict.fromkeys(refiner_folder(one.row) for one in results if one.arm.pseudo == "refined"))


def refiner_folder(row: PlannedRow) -> Path:
    """Where the refiner behind a row's masks is."""
    return row.folder("refiner") / "refiner"


def _imported(refiner: Path) -> bool:
    return bool(read_manifest(refiner / "manifest.json")["settings"].get("checkpoint"))


def _picture(curve: figures.Curve, highest: float, group: Group) -> Picture:
    svg = figures.curve_figure(curve, highest, f"curve-{curve.arm}-{group.key}")
    start, end, steps = curve.loss[0], curve.loss[-1], curve.steps[-1]
    alt = f"Training loss of {curve.title}: from {start:.2f} to {end:.2f} in {steps:.0f} steps."
    return Picture(svg, alt, "")


def _of_network(result: Result) -> figures.Curve:
    return _curve(result.arm.name, result.arm.title, result.row.network / METRICS)


def _curve(name: str, title: str, path: Path) -> figures.Curve:
    """Means of at most `CURVE_POINTS` stretches of a training."""
    try:
        lines = parse_metrics(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; train this network again") from None
    step = max(1, -(-len(lines) // CURVE_POINTS))
    edges = [*range(0, len(lines), step), len(lines)]
    parts = [lines[start:end] for start, end in pairwise(edges)]
    steps = [mean(line["step"] for line in part) for part in parts]
    losses = [mean(sum(losses_of(line).values()) for line in part) for part in parts]
    return figures.Curve(name, title, steps, losses)
