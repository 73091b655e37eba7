"""AP over the mixes of one data set and variant."""

from collections.abc import Mapping, Sequence

from wssis.report_page import words
from wssis.report_page.compare import Comparison
from wssis.report_page.cost_figures import SpentPoint, mix_figure
from wssis.report_page.figures import Picture, colour_of
from wssis.report_page.results import ORACLE, Group
from wssis.report_page.tables import Cell, Table, make_table


def mix_picture(groups: Sequence[Group], comparisons: Mapping[str, Comparison]) -> Picture:
    """AP of every arm over the share of masked images, with intervals; the oracle is a level."""
    points: dict[tuple[str, float], SpentPoint] = {}
    for group in groups:
        for name, arm in group.arms.items():
            if (ap := arm.mean("AP")) is not None:
                percent = 100.0 if name == ORACLE else group.full_percent
                bounds = comparisons[group.key].intervals[name]
                points[name, percent] = SpentPoint(name, arm.arm.title, percent, ap, bounds, arm.values("AP"))
    titles = {point.arm: point.title for point in points.values()}
    told = "; ".join(
        f"{title} " + ", ".join(f"{p.spent:g} %: {p.ap:.1f}" for p in points.values() if p.arm == arm)
        for arm, title in titles.items()
    )
    dots = "" if len(groups[0].seeds) == 1 else " Small dots: single seeds."
    caption = (
        f"{groups[0].dataset}: mask AP over the share of images with masks, {words.seeds_note(groups[0].seeds)}."
        f" Lines up and down: 95 % intervals over validation images.{dots}"
    )
    svg = mix_figure(list(points.values()), f"mix-{groups[0].dataset}-{groups[0].variant}")
    return Picture(svg, f"Mask AP over the share of masked images. {told}.", caption)


def mix_table(groups: Sequence[Group]) -> Table:
    """AP of every arm at every mix, with the spread over seeds."""
    arms = dict.fromkeys(name for group in groups for name in group.arms)
    titles = {name: group.arms[name].arm.title for group in groups for name in group.arms}
    lines = [
        (Cell(titles[name], colour=colour_of(name)), *(_cell(group, name) for group in groups)) for name in arms
    ]  # fmt: skip
    head = ("arm", *(f"{group.full_percent:g} %" for group in groups))
    seeds = words.seeds_note(groups[0].seeds)
    caption = f"Mask AP of {groups[0].dataset} by the share of images with masks, {seeds}; an oracle has all masks"
    return make_table(f"mixes-{groups[0].dataset}-{groups[0].variant}", caption, head, lines)


def _cell(group: Group, name: str) -> str:
    if name not in group.arms:
        return words.DASH
    spread = group.arms[name].spread("AP")
    return words.number(group.arms[name].mean("AP")) + ("" if spread is None else f" ±\u202f{spread:.1f}")
