"""Figures of AP over what was spent: label days, and the share of masked images."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wssis.report_page.ap_samples import Interval
from wssis.report_page.figures import INK, LEAST_SPAN, WIDTH, colour_of, drawing, marker_of

LONG_TITLE = 18
"""Letters of an arm's title from which three columns of the legend are wider than the figure."""
ROOM = 1.25
"""Factor of empty space on both sides of a logarithmic axis."""
LEAST_TICKS = 2
"""Numbers at a logarithmic axis; one alone tells nothing of its scale."""


@dataclass(frozen=True)
class SpentPoint:
    """An arm at one mix: what was spent (days, or percent of images with masks), AP and its interval, seeds' own AP.

    Attributes:
        best: on the Pareto front.
    """

    arm: str
    title: str
    spent: float
    ap: float
    interval: Interval | None
    seeds: Sequence[float]
    best: bool = False


def cost_figure(points: Sequence[SpentPoint], name: str) -> str:
    """AP against label days on a logarithmic axis; the mixes of an arm are joined, the Pareto front is underlaid."""
    with drawing(WIDTH, 3.4 + 0.2 * _legend_rows(points), name) as (figure, svg):
        axes = figure.add_subplot()
        front = sorted((p.spent, p.ap) for p in points if p.best)
        axes.plot(*zip(*front, strict=True), color="#f0d9a8", linewidth=7, solid_capstyle="round", zorder=1)
        _arms(axes, points)
        log_axis(axes, [p.spent for p in points])
        axes.set_xlabel("label cost, days of 24 h")
        _finish(figure, axes, points)
    return svg[0]


def mix_figure(points: Sequence[SpentPoint], name: str) -> str:
    """AP against the percentage of masked images; what is measured at 100 % alone is a level."""
    with drawing(WIDTH, 3.2 + 0.2 * _legend_rows(points), name) as (figure, svg):
        axes = figure.add_subplot()
        levels = [p for p in points if p.spent == 100 and not any(o.arm == p.arm and o.spent < 100 for o in points)]
        for level in levels:
            axes.axhline(level.ap, color=colour_of(level.arm), linewidth=1.2, linestyle=(0, (4, 3)), label=level.title)
        rest = [p for p in points if p not in levels]
        _arms(axes, rest)
        percents = sorted({p.spent for p in rest})
        _share_scale(axes, percents)
        axes.set_xticks(_apart(percents), [f"{tick:g} %" for tick in _apart(percents)])
        axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
        axes.set_xlabel("images with masks")
        _finish(figure, axes, points)
    return svg[0]


def _share_scale(axes: Axes, percents: Sequence[float]) -> None:
    """A logarithmic axis for ascending shares; where one is 0, linear up to the least of the others."""
    if percents[0] > 0:
        axes.set_xscale("log")
        axes.set_xlim(percents[0] / ROOM, percents[-1] * ROOM)
        return
    least = next((percent for percent in percents if percent > 0), 1.0)
    axes.set_xscale("symlog", linthresh=least)
    axes.set_xlim(-least / 4, max(least, percents[-1]) * ROOM)


def _apart(ticks: Sequence[float], least: float = 1.35) -> list[float]:
    """Those of ascending ticks that stand far enough apart on a logarithmic axis for their labels."""
    kept: list[float] = []
    for tick in ticks:
        if not kept or tick >= least * kept[-1]:
            kept.append(tick)
    return kept


def _arms(axes: Axes, points: Sequence[SpentPoint]) -> None:
    """Means joined per arm, with intervals, and faint dots for the seeds."""
    for arm in dict.fromkeys(p.arm for p in points):
        own = sorted((p for p in points if p.arm == arm), key=lambda p: p.spent)
        look = {"color": colour_of(arm), "marker": marker_of(arm), "linewidth": 1.4, "markersize": 5.5, "zorder": 4}
        axes.plot([p.spent for p in own], [p.ap for p in own], label=own[0].title, **look)
        for p in own:
            if p.interval is not None:
                axes.plot([p.spent] * 2, p.interval, color=colour_of(arm), linewidth=1, alpha=0.6, zorder=3)
            if len(p.seeds) > 1:
                axes.plot([p.spent] * len(p.seeds), p.seeds, "o", color=colour_of(arm), markersize=2.6, alpha=0.5)


def log_axis(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis with plain numbers."""
    axes.set_xscale("log")
    low, high = min(values) / ROOM, max(values) * ROOM
    axes.set_xlim(low, high)
    axes.set_xticks(*_plain_ticks(low, high))
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())


def _plain_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Round numbers between the two and their labels: 1, 2, 5 of every decade, finer ones where those are too few."""
    inside: list[float] = []
    for leading in ((10, 20, 50), range(10, 100, 10), range(10, 100, 5), range(10, 100)):
        inside = [m * 10.0**e for e in range(-7, 7) for m in leading if low <= m * 10.0**e <= high]
        if len(inside) >= LEAST_TICKS:
            break
    return inside, [f"{tick:.6g}" for tick in inside]


def _legend_columns(points: Sequence[SpentPoint]) -> int:
    return 2 if max(len(p.title) for p in points) >= LONG_TITLE else 3


def _legend_rows(points: Sequence[SpentPoint]) -> int:
    return -(-len({p.arm for p in points}) // _legend_columns(points))


def _finish(figure: Figure, axes: Axes, points: Sequence[SpentPoint]) -> None:
    """Axis and legend; an axis of AP covers at least `LEAST_SPAN`."""
    axes.margins(y=0.08)
    low, high = axes.get_ylim()
    axes.set_ylim(low, max(high, low + LEAST_SPAN))
    axes.set_ylabel("mask AP")
    look = {"frameon": False, "labelcolor": INK, "handlelength": 1.6}
    figure.legend(loc="outside upper left", ncols=_legend_columns(points), **look)
