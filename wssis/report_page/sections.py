"""The parts of the page that every group (data set x mix x variant) has: tables, figures, masks, pictures, curves."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean

from wssis.errors import InputError
from wssis.formats.manifest import read_manifest
from wssis.formats.metrics_file import losses_of, parse_metrics
from wssis.formats.scores import METRICS
from wssis.report_page import figures, words
from wssis.report_page.accounts import Step, account
from wssis.report_page.compare import METHOD, Comparison
from wssis.report_page.figures import Picture
from wssis.report_page.pictures import ShownImage, shown_images
from wssis.report_page.plan import TEACHER, Plan, PlannedArm, PlannedRow
from wssis.report_page.results import ArmResult, Group, Result

CURVE_POINTS = 60
QUALITY_ROWS = {
    "mean_iou": "mean IoU, all points",
    "above_half": "points with IoU of .5 and more, %",
    "mean_iou_touching": "mean IoU, objects that touch one of their class",
    "above_half_touching": "the same with IoU of .5 and more, %",
    "precision_50": "precision of the masks as labels at IoU .5, %",
    "recall_50": "recall of the objects at IoU .5, %",
}


@dataclass(frozen=True)
class TableRow:
    """An arm's line in the table of results; all cells are text."""

    name: str
    title: str
    explanation: str
    colour: str
    metrics: tuple[str, ...]
    spread: str
    iterations: str
    days: tuple[str, str]
    pays: str
    not_paid: str
    baseline: bool
    teacher: bool


def arm_table(group: Group) -> list[TableRow]:
    """The arms in the plan's order, the teacher first."""
    return [_table_row(arm, group) for arm in group.arms.values()]


def _table_row(arm: ArmResult, group: Group) -> TableRow:
    name, results = arm.arm.name, list(arm.seeds.values())
    iterations = {result.iterations for result in results}
    return TableRow(
        name=name,
        title=arm.arm.title,
        explanation=arm.arm.explanation,
        colour=figures.colour_of(name),
        metrics=tuple(words.number(arm.mean(metric)) for metric in METRICS),
        spread=words.spread(arm),
        iterations=" / ".join("imported" if n is None else words.count(n) for n in sorted(iterations, key=str)),
        days=(words.days(arm.days["pointwssis"]), words.days(arm.days["cheng"])),
        pays=_pays(arm),
        not_paid=words.not_paid(arm.arm.pays, name),
        baseline=group.baseline is not None and group.baseline.arm.name == name,
        teacher=name == TEACHER,
    )


def _pays(arm: ArmResult) -> str:
    """Label kinds that an arm buys, with the strategy of its points."""
    strategies = " / ".join(sorted({result.points for result in arm.seeds.values()}))
    return ", ".join({"full": "masks", "point": f"points ({strategies})"}[kind] for kind in arm.arm.pays)


def ap_picture(group: Group) -> Picture:
    """AP of the arms against each other."""
    arms = [arm for arm in group.arms.values() if arm.values("AP")]
    rows = [figures.Dots(arm.arm.name, arm.arm.title, arm.values("AP"), mean(arm.values("AP"))) for arm in arms]
    told = "; ".join(f"{row.title} {row.mean:.1f}" for row in rows)
    one = len(group.seeds) == 1
    caption = "One dot: there is one seed." if one else "A dot per seed; the bar is their mean."
    svg = figures.ap_figure(rows, f"ap-{group.key}") if rows else ""
    return Picture(svg, f"Mask AP on validation by arm: {told}.", f"Mask AP on validation. {caption}")


def difference_picture(group: Group, comparison: Comparison) -> Picture | None:
    """Paired differences; None where there is nothing to compare."""
    if not comparison.differences:
        return None
    titles = {name: arm.arm.title for name, arm in group.arms.items()}
    spans = [
        figures.Span(d.arm, f"{titles[d.arm]} − {titles[d.other]}", d.mean, d.interval, list(d.per_seed.values()))
        for d in comparison.differences
    ]
    told = "; ".join(f"{s.title}: {words.signed(s.mean)} {words.interval(s.interval)}".strip() for s in spans)
    caption = "Paired differences of mask AP (◆) with 95 % bootstrap intervals over validation images." + (
        "" if len(group.seeds) == 1 else " Dots: single seeds."
    )
    return Picture(figures.difference_figure(spans, f"diff-{group.key}"), f"Differences of mask AP: {told}.", caption)


@dataclass(frozen=True)
class DifferenceRow:
    """A line of the table of differences."""

    title: str
    mean: str
    interval: str
    spread: str


def difference_table(group: Group, comparison: Comparison) -> list[DifferenceRow]:
    """Every paired difference in figures."""
    titles = {name: arm.arm.title for name, arm in group.arms.items()}
    return [
        DifferenceRow(
            title=f"{titles[d.arm]} − {titles[d.other]}",
            mean=words.signed(d.mean),
            interval=words.interval(d.interval) or "no resamples",
            spread="one seed" if d.spread is None else f"±\u202f{d.spread:.1f}",
        )
        for d in comparison.differences
    ]


@dataclass(frozen=True)
class GapRow:
    """A line of the table of gaps closed."""

    title: str
    percent: str
    interval: str


def gap_table(group: Group, comparison: Comparison) -> list[GapRow]:
    """Gap closed per arm; the word "undefined" where oracle and baseline are too close."""
    rows = []
    for name, gap in comparison.gaps.items():
        percent = "undefined" if gap.percent is None else f"{words.number(gap.percent, 0)} %"
        unknown = "" if gap.percent is None else "no interval: the gap is too small in too many resamples"
        rows.append(GapRow(group.arms[name].arm.title, percent, words.interval(gap.interval, 0, sign=False) or unknown))
    return rows


@dataclass(frozen=True)
class MaskQuality:
    """Pseudo masks against hidden truth: head, lines of as many cells as the head has, and a figure per refined arm."""

    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    pictures: tuple[Picture, ...]


def mask_quality(group: Group) -> MaskQuality | None:
    """The rough masks beside every refined arm's, means over seeds; None where no arm has quality files."""
    measured = {name: _tables(arm) for name, arm in group.arms.items() if _tables(arm)}
    if not measured:
        return None
    counts = {name: [_counts(table) for table in tables] for name, tables in measured.items()}
    refined = [name for name in measured if group.arms[name].arm.pseudo == "refined"]
    pointless = [name for name in measured if group.arms[name].arm.pseudo == "confident"]
    rough = (refined or [name for name in measured if name not in pointless])[:1]
    columns = [*(("rough", name) for name in rough), *(("pseudo", name) for name in (*refined, *pointless))]
    titles = {name: f"refined, {group.arms[name].arm.title}" if len(refined) > 1 else "refined" for name in refined}
    lines = []
    for key, what in QUALITY_ROWS.items():
        stem, touching, _ = key.partition("_touching")
        values = [_mean_of(counts[name], f"{stem}_{kind}{touching}") for kind, name in columns]
        lines.append((what, *(_quality_text(value, percent="%" in what) for value in values)))
    pictures = [_iou_picture(measured[name], titles[name], f"{name}-{group.key}") for name in refined]
    others = (f"without points, {group.arms[name].arm.title}" for name in pointless)
    head = ("against hidden truth", *("rough" for _ in rough), *titles.values(), *others)
    return MaskQuality(head, tuple(lines), tuple(pictures))


def _tables(arm: ArmResult) -> list[Path]:
    return [Path(result.row.quality) for result in arm.seeds.values() if result.row.quality is not None]


def _counts(table: Path) -> Mapping[str, float]:
    return read_manifest(table.with_name(f"{table.name}.manifest.json"))["counts"]


def _iou_picture(tables: Sequence[Path], title: str, name: str) -> Picture:
    """Histograms of rough and refined IoU, all seeds together."""
    ious = [_ious(table) for table in tables]
    rough, pseudo = ([value for one in ious for value in one[side]] for side in (0, 1))
    means = [f"{mean(values):.2f}" if values else "undefined" for values in (rough, pseudo)]
    alt = f"IoU with the hidden mask of {len(rough)} points: on average {means[0]} rough and {means[1]} {title}."
    caption = "IoU of pseudo masks with the hidden truth, all seeds. A point without a mask counts as 0."
    return Picture(figures.iou_figure(rough, pseudo, title, f"iou-{name}"), alt, caption)


def _mean_of(counts: Sequence[Mapping[str, float]], key: str) -> float | None:
    values = [one[key] for one in counts if key in one]
    return mean(values) if values else None


def _quality_text(value: float | None, percent: bool) -> str:
    if value is None:
        return words.DASH
    return f"{100 * value:.0f}" if percent else f"{value:.3f}".removeprefix("0")


def _ious(table: Path) -> tuple[list[float], list[float]]:
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [float(row["iou_rough"]) for row in rows], [float(row["iou_pseudo"]) for row in rows]


def group_pictures(group: Group, image_dirs: Mapping[str, Path]) -> tuple[str, str, list[ShownImage]] | None:
    """Whose masks are shown, the rule by which images were chosen, and the images; None where no arm has any."""
    arms = [arm for arm in group.arms.values() if next(iter(arm.seeds.values())).row.quality is not None]
    if not arms:
        return None
    arm = next((one for one in arms if one.arm.name == METHOD), arms[-1])
    result = next(iter(arm.seeds.values()))
    if group.dataset not in image_dirs:
        raise InputError(f"--image-dir: none for data set {group.dataset}; give {group.dataset}=FOLDER")
    stem = str(result.row.quality).removesuffix(".csv")
    title = "Refined masks" if arm.arm.pseudo == "refined" else "Rough masks"
    predictions = result.row.folder("predict_shown") / f"quality/{arm.arm.name}.predictions.json"
    rule, images = shown_images(
        Path(f"{stem}.shown.json"), image_dirs[group.dataset], predictions, title
    )
    return f"{arm.arm.title}, seed {result.row.seed}", rule, images


def accounts_of(group: Group, plan: Plan, results: Path) -> dict[str, list[Step]]:
    """The account of every run of the group, by seed."""
    place = (group.dataset, group.mix, group.variant)
    rows = [row for row in plan.rows if (row.dataset, row.mix, row.variant) == place]
    by_seed: dict[str, list[tuple[PlannedRow, PlannedArm]]] = {}
    for row in rows:
        by_seed.setdefault(row.seed, []).append((row, plan.arm(row.arm)))
    return {seed: account(own, results / group.dataset) for seed, own in by_seed.items()}


def curves_picture(group: Group) -> Picture | None:
    """Training losses of the first seed's networks; None where all weights are imported."""
    firsts = [next(iter(arm.seeds.values())) for arm in group.arms.values()]
    curves = [_curve(result) for result in firsts if result.iterations is not None]
    if not curves:
        return None
    told = "; ".join(f"{curve.title} from {curve.loss[0]:.2f} to {curve.loss[-1]:.2f}" for curve in curves)
    svg = figures.curves_figure(curves, f"curves-{group.key}")
    return Picture(
        svg, f"Training loss: {told}.", "Training loss over steps, first seed; each on its own training set."
    )


def _curve(result: Result) -> figures.Curve:
    path = result.row.network / "metrics.jsonl"
    try:
        lines = parse_metrics(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; train this network again") from None
    step = max(1, -(-len(lines) // CURVE_POINTS))
    edges = [*range(0, len(lines), step), len(lines)]
    parts = [lines[start:end] for start, end in pairwise(edges)]
    steps = [mean(line["step"] for line in part) for part in parts]
    losses = [mean(sum(losses_of(line).values()) for line in part) for part in parts]
    return figures.Curve(result.arm.name, result.arm.title, steps, losses)


def seed_table(group: Group, comparison: Comparison) -> tuple[list[str], list[tuple[str, ...]]]:
    """Per-seed AP of every arm, and per-seed differences: the head, and one line each."""
    seeds = list(dict.fromkeys(seed for arm in group.arms.values() for seed in arm.seeds))
    titles = {name: arm.arm.title for name, arm in group.arms.items()}
    lines = [
        (arm.arm.title, *(words.number(arm.seeds[s].scores["AP"]) if s in arm.seeds else words.DASH for s in seeds))
        for arm in group.arms.values()
    ]
    lines += [
        (f"{titles[d.arm]} − {titles[d.other]}", *(words.signed(d.per_seed.get(seed)) for seed in seeds))
        for d in comparison.differences
    ]
    return ["mask AP", *seeds], lines


def class_table(group: Group) -> tuple[list[str], list[tuple[str, ...]]]:
    """Per-class AP: the head, and lines (class, objects in validation, AP per arm), means over seeds."""
    arms = list(group.arms.values())
    head = ["class", "objects", *(arm.arm.title for arm in arms)]
    first = next(iter(arms[0].seeds.values())).scores["per_class"]
    lines = []
    for place, record in enumerate(first):
        cells = (_class_mean(arm.seeds.values(), place) for arm in arms)
        lines.append((str(record["name"]), words.count(record["objects"]), *map(words.number, cells)))
    return head, lines


def _class_mean(results: Iterable[Result], place: int) -> float | None:
    values = [result.scores["per_class"][place]["AP"] for result in results]
    defined = [value for value in values if value is not None]
    return mean(defined) if defined else None
