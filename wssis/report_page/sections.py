"""The parts of the page that every group (data set x mix x variant) has: AP, differences, gaps, accounts."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import mean

from wssis.formats.scores import METRICS
from wssis.report_page import figures, words
from wssis.report_page.accounts import Step, account
from wssis.report_page.compare import Comparison
from wssis.report_page.figures import Picture
from wssis.report_page.plan import Plan, PlannedArm, PlannedRow
from wssis.report_page.results import ArmResult, Group, Result
from wssis.report_page.tables import Cell, Table, make_table

METRIC_NAMES = {
    "AP": "AP", "AP50": "AP50", "AP75": "AP75", "AP_small": "AP small", "AP_medium": "AP medium",
    "AP_large": "AP large", "bbox_AP": "box AP",
}  # fmt: skip


def arm_table(group: Group, comparison: Comparison) -> Table:
    """The arms in the plan's order, the teacher first."""
    several = sum(name.startswith("supervised") for name in group.arms) > 1
    lines = [_arm_line(arm, group, comparison, several) for arm in group.arms.values()]
    first, *others = METRICS
    head = ("arm", METRIC_NAMES[first], "95 % interval", "spread", *(METRIC_NAMES[key] for key in others),
            "iterations", "pays for", "days, PointWSSIS", "days, Cheng et al.")  # fmt: skip
    seeds = words.seeds_note(group.seeds)
    caption = f"Every arm of {group.name}: mask AP (0-100) on validation, {seeds}, and label cost"
    return make_table(f"arms-{group.key}", caption, head, lines, text=(head.index("pays for"),))


def _arm_line(arm: ArmResult, group: Group, comparison: Comparison, several: bool) -> tuple[str | Cell, ...]:
    name = arm.arm.name
    baseline = several and group.baseline is not None and group.baseline.arm.name == name
    first, *others = (words.number(arm.mean(metric)) for metric in METRICS)
    iterations = {result.iterations for result in arm.seeds.values()}
    return (
        Cell(arm.arm.title, colour=figures.colour_of(name), tag="baseline" if baseline else ""),
        Cell(first, kind="main"),
        words.interval(comparison.intervals[name], sign=False) or words.DASH,
        Cell(words.spread(arm), kind="quiet"),
        *others,
        " / ".join("imported" if n is None else words.count(n) for n in sorted(iterations, key=str)),
        _pays(arm),
        *(words.days(arm.days[model]) if arm.arm.payable else words.DASH for model in ("pointwssis", "cheng")),
    )


def _pays(arm: ArmResult) -> str:
    """Label kinds that an arm buys, with the strategy of its points."""
    if not arm.arm.payable:
        return "cannot be bought"
    strategies = " / ".join(sorted({result.points for result in arm.seeds.values()}))
    kinds = {"full": "masks", "point": f"points ({strategies})", "points10": f"boxes with points ({strategies})"}
    return ", ".join(kinds[kind] for kind in arm.arm.pays)


def ap_picture(group: Group, comparison: Comparison) -> Picture | None:
    """AP of the arms against each other; None where no arm has any."""
    arms = [arm for arm in group.arms.values() if arm.values("AP")]
    if not arms:
        return None
    rows = [
        figures.Span(
            arm.arm.name, arm.arm.title, mean(arm.values("AP")), comparison.intervals[arm.arm.name], arm.values("AP")
        )
        for arm in arms
    ]  # fmt: skip
    told = "; ".join(f"{row.title} {row.mean:.1f} {words.interval(row.interval, sign=False)}".strip() for row in rows)
    dots = "" if len(group.seeds) == 1 else " Dots: single seeds."
    seeds = words.seeds_note(group.seeds)
    caption = f"{group.name}: mask AP (◆) with 95 % intervals over validation images, {seeds}.{dots}"
    return Picture(figures.ap_figure(rows, f"ap-{group.key}"), f"Mask AP on validation by arm: {told}.", caption)


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


def difference_table(group: Group, comparison: Comparison) -> Table | None:
    """Every paired difference in figures."""
    titles = {name: arm.arm.title for name, arm in group.arms.items()}
    lines = [
        (
            f"{titles[d.arm]} − {titles[d.other]}",
            Cell(words.signed(d.mean), kind="main"),
            words.interval(d.interval) or "no resamples",
            Cell("one seed" if d.spread is None else f"±\u202f{d.spread:.1f}", kind="quiet"),
        )
        for d in comparison.differences
    ]
    head = ("difference of AP", "mean", "95 % interval", "spread over seeds")
    return make_table(f"differences-{group.key}", f"Paired differences of {group.name}", head, lines) if lines else None


def gap_table(group: Group, comparison: Comparison) -> Table | None:
    """Gap closed per arm; the word "undefined" where oracle and baseline are too close.

    Where the arms have more than one baseline and oracle, every line names its own.
    """
    lines, ends = [], {}
    for name, gap in comparison.gaps.items():
        percent = "undefined" if gap.percent is None else f"{words.number(gap.percent, 0)} %"
        unknown = "" if gap.percent is None else "no interval: the gap is too small in too many resamples"
        bounds = words.interval(gap.interval, 0, sign=False) or unknown
        ends[name] = [one.arm.title for one in group.references(group.arms[name]) if one is not None]
        lines.append((group.arms[name].arm.title, Cell(percent, kind="main"), bounds))
    head: tuple[str, ...] = ("gap closed by", "of the gap", "95 % interval")
    if len(set(map(tuple, ends.values()))) > 1:
        head = (*head, "from", "to")
        lines = [(*line, *own) for line, own in zip(lines, ends.values(), strict=True)]
    caption = f"Gap between baseline and oracle of {group.name}, and how much of it is closed"
    return make_table(f"gap-{group.key}", caption, head, lines, text=(3, 4)) if lines else None


def accounts_of(group: Group, plan: Plan, results: Path) -> dict[str, list[Step]]:
    """The account of every run of the group, by seed."""
    place = (group.dataset, group.mix, group.variant)
    rows = [row for row in plan.rows if (row.dataset, row.mix, row.variant) == place]
    by_seed: dict[str, list[tuple[PlannedRow, PlannedArm]]] = {}
    for row in rows:
        by_seed.setdefault(row.seed, []).append((row, plan.arm(row.arm)))
    return {seed: account(own, results / group.dataset) for seed, own in by_seed.items()}


def seed_table(group: Group, comparison: Comparison) -> Table | None:
    """Per-seed AP of every arm, and per-seed differences; None for one seed."""
    seeds = list(dict.fromkeys(seed for arm in group.arms.values() for seed in arm.seeds))
    if len(seeds) == 1:
        return None
    titles = {name: arm.arm.title for name, arm in group.arms.items()}
    lines = [
        (arm.arm.title, *(words.number(arm.seeds[s].scores["AP"]) if s in arm.seeds else words.DASH for s in seeds))
        for arm in group.arms.values()
    ]
    lines += [
        (f"{titles[d.arm]} − {titles[d.other]}", *(words.signed(d.per_seed.get(seed)) for seed in seeds))
        for d in comparison.differences
    ]
    return make_table(f"seeds-{group.key}", f"Mask AP of {group.name}, seed by seed", ("mask AP", *seeds), lines)


def class_table(group: Group, shown: Mapping[str, str]) -> Table:
    """Per-class AP, means over seeds.

    Args:
        shown: class name -> link to the instances of that class in the gallery; may be empty.
    """
    arms = list(group.arms.values())
    first = next(iter(arms[0].seeds.values())).scores["per_class"]
    lines = []
    for place, record in enumerate(first):
        cells = (_class_mean(arm.seeds.values(), place) for arm in arms)
        name = Cell(str(record["name"]), href=shown.get(str(record["name"])))
        lines.append((name, words.count(record["objects"]), *map(words.number, cells)))
    head = ("class", "objects in validation", *(arm.arm.title for arm in arms))
    caption = f"Mask AP of {group.name}, class by class, {words.seeds_note(group.seeds)}"
    return make_table(f"classes-{group.key}", caption, head, lines)


def _class_mean(results: Iterable[Result], place: int) -> float | None:
    values = [result.scores["per_class"][place]["AP"] for result in results]
    defined = [value for value in values if value is not None]
    return mean(defined) if defined else None
