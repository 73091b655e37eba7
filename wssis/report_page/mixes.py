"""AP over the mixes of one data set and variant."""

from collections.abc import Mapping, Sequence

from wssis.report_page import words
from wssis.report_page.compare import Comparison
from wssis.report_page.cost_figures import SpentPoint, mix_figure
from wssis.report_page.figures import Picture, colour_of
from wssis.report_page.plan import mix_title
from wssis.report_page.results import Group
from wssis.report_page.tables import Cell, Table, make_table

ALL = 100.0
"""Percent of images with masks that only the oracle has."""


def mix_picture(groups: Sequence[Group], comparisons: Mapping[str, Comparison]) -> Picture | None:
    """AP of every arm over the share of masked images, with intervals; the oracle, which all groups share, is a level.

    None where no arm has an AP at any share below 100 %: then there is nothing to draw it over.
    """
    points: dict[tuple[str, str], SpentPoint] = {}
    for group in groups:
        for name, arm in group.arms.items():
            if (ap := arm.mean("AP")) is not None:
                row = next(iter(arm.seeds.values())).row
                bounds = comparisons[group.key].intervals[name]
                points[name, row.mix] = SpentPoint(name, arm.arm.title, row.full_percent, ap, bounds, arm.values("AP"))
    if all(point.spent == ALL for point in points.values()):
        return None
    titles = {point.arm: point.title for point in points.values()}
    told = "; ".join(
        f"{title} "
        + ", ".join(f"{mix_title(mix, p.spent)}: {p.ap:.1f}" for (own, mix), p in points.items() if own == arm)
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
    head = ("arm", *(group.share for group in groups))
    seeds = words.seeds_note(groups[0].seeds)
    caption = f"Mask AP of {groups[0].dataset} by the share of images with masks, {seeds}; an oracle has all masks"
    return make_table(f"mixes-{groups[0].dataset}-{groups[0].variant}", caption, head, lines)


def _cell(group: Group, name: str) -> str:
    if name not in group.arms:
        return words.DASH
    spread = group.arms[name].spread("AP")
    return words.number(group.arms[name].mean("AP")) + ("" if spread is None else f" ±\u202f{spread:.1f}")
