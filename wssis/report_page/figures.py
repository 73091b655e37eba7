"""The page's figures, as inline SVG: text stays text, drawn in the page's own font; each comes with its alt text."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, RULE = "#1f2733", "#667080", "#d8dce3"
COLOURS = {
    "oracle": "#39424f",
    "oracle-mask": "#6d5a3f",
    "wssis": "#0b6b68",
    "wssis-2": "#0a4f63",
    "wssis-long": "#3f9490",
    "rough": "#c8742a",
    "semi": "#7a5ea8",
    "supervised": "#8b93a1",
    "supervised-short": "#b3b9c4",
    "teacher": "#5f86b3",
}
OTHER_COLOURS = ("#a3486b", "#587f3a", "#9a8412", "#46629e")
STYLE = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#eceef2",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}
WIDTH = 5.6
LEAST_SPAN = 1.0
"""AP that an axis covers at least, so that noise does not look like a difference."""


@dataclass(frozen=True)
class Picture:
    """A figure ready for the page: `svg` is markup, `alt` says in words what it shows, `caption` may be markup."""

    svg: str
    alt: str
    caption: str


def colour_of(arm: str) -> str:
    """The arm's colour, the same in every figure; unknown arms take one of a few by their name."""
    return COLOURS.get(arm, OTHER_COLOURS[sum(map(ord, arm)) % len(OTHER_COLOURS)])


@contextmanager
def drawing(width: float, height: float, name: str) -> Iterator[tuple[Figure, list[str]]]:
    """Lend a figure of a size in inches; the second value holds its SVG once the block has ended.

    `name` salts the ids inside the SVG, so that two figures of one page never share one.
    """
    svg: list[str] = []
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, svg
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg.append(_inline(stream.getvalue(), name))


def _inline(svg: str, name: str) -> str:
    """Only the <svg> element, sized by the page, hidden from readers of alt text, its ids made unique."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r'xlink:href="#([^"]+)"', rf'xlink:href="#{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    head, rest = body.split(">", 1)
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    return f'{head} aria-hidden="true" focusable="false">{rest}'


@dataclass(frozen=True)
class Dots:
    """One arm's line in a figure: its seeds' values and their mean."""

    arm: str
    title: str
    values: Sequence[float]
    mean: float


def ap_figure(rows: Sequence[Dots], name: str) -> str:
    """AP per arm: a dot per seed, a bar at the mean, its value beside it; the first row on top."""
    with drawing(WIDTH, 0.55 + 0.36 * len(rows), name) as (figure, svg):
        axes = figure.add_subplot()
        for height, row in enumerate(reversed(rows)):
            colour = colour_of(row.arm)
            axes.plot([0, row.mean], [height, height], color=colour, linewidth=1.2, alpha=0.35, zorder=1)
            axes.plot(row.values, [height] * len(row.values), "o", color=colour, markersize=5, alpha=0.55, zorder=2)
            axes.plot([row.mean], [height], "|", color=colour, markersize=15, markeredgewidth=2.4, zorder=3)
            end = max([row.mean, *row.values])
            axes.annotate(f"{row.mean:.1f}", (end, height), (9, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(rows)), [row.title for row in reversed(rows)], color=INK)
        axes.set_xlim(0, max(LEAST_SPAN, 1.12 * max(max([row.mean, *row.values]) for row in rows)))
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel("mask AP on validation")
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
    return svg[0]


@dataclass(frozen=True)
class CostPoint:
    """An arm in the plane of label cost and AP; `group` joins points of one arm over mixes."""

    arm: str
    title: str
    days: float
    ap: float
    spread: float | None


def cost_figure(points: Sequence[CostPoint], name: str, model: str) -> str:
    """AP against label days on a logarithmic axis; mixes of one arm are joined, the last is named."""
    with drawing(WIDTH, 3.1, name) as (figure, svg):
        axes = figure.add_subplot()
        named: list[tuple[float, float, str, str]] = []
        for arm in dict.fromkeys(point.arm for point in points):
            own = sorted((p for p in points if p.arm == arm), key=lambda p: p.days)
            colour = colour_of(arm)
            spread = [p.spread or 0 for p in own]
            days, ap = [p.days for p in own], [p.ap for p in own]
            axes.errorbar(days, ap, yerr=spread, color=colour, marker="o", markersize=6, linewidth=1.4, elinewidth=1)
            named.append((days[-1], ap[-1], own[-1].title, colour))
        _log_days(axes, [p.days for p in points])
        _label_points(axes, named)
        axes.set_xlabel(f"label cost, days of work ({model})")
        axes.set_ylabel("mask AP")
    return svg[0]


def _log_days(axes: Axes, days: Sequence[float]) -> None:
    """A logarithmic axis with plain numbers, and room for names on both sides."""
    axes.set_xscale("log")
    low, high = min(days), max(days)
    axes.set_xlim(low / 1.7, high * 1.7)
    steps = [m * 10.0**e for e in range(-6, 7) for m in (1, 2, 5)]
    inside = [step for step in steps if low / 1.7 <= step <= high * 1.7]
    axes.set_xticks(inside, [f"{step:g}" for step in inside])
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())


def _label_points(axes: Axes, named: Sequence[tuple[float, float, str, str]]) -> None:
    """Names to the right of points, or to the left where another point is near on the right."""
    axes.margins(y=0.15)
    low, high = axes.get_ylim()
    axes.set_ylim(low, max(high, low + LEAST_SPAN))
    low, high = axes.get_ylim()
    step = (high - low) * 0.075
    for days, ap, title, colour in named:
        near = [other for other in named if 1 < other[0] / days < 2 and abs(other[1] - ap) < step]
        same = [other for other in named if abs(other[0] / days - 1) < 1e-6 and 0 <= ap - other[1] < step]
        place, side = (-8, "right") if near else (8, "left")
        lift = 11 * sum(other[2] < title for other in same)
        axes.annotate(
            title, (days, ap), (place, lift), textcoords="offset points", va="center", ha=side, color=colour, fontsize=9
        )


def mix_figure(
    lines: Mapping[str, Sequence[tuple[float, float, float | None]]], titles: Mapping[str, str], name: str
) -> str:
    """AP against the percentage of masked images: per arm (percent, mean AP, spread); a single point is a level."""
    with drawing(WIDTH, 3.1, name) as (figure, svg):
        axes = figure.add_subplot()
        for arm, points in lines.items():
            colour = colour_of(arm)
            percent, ap, spread = zip(*points, strict=True)
            if percent == (100.0,):
                axes.axhline(ap[0], color=colour, linewidth=1.2, linestyle=(0, (4, 3)), label=titles[arm])
                continue
            errors = [value or 0 for value in spread]
            axes.errorbar(percent, ap, yerr=errors, color=colour, marker="o", markersize=5, label=titles[arm])
        axes.set_xscale("log")
        ticks = sorted({point[0] for points in lines.values() for point in points if point[0] < 100})
        axes.set_xticks(ticks, [f"{tick:g} %" for tick in ticks])
        axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
        axes.set_xlabel("images with masks")
        axes.set_ylabel("mask AP")
        figure.legend(loc="outside right upper", frameon=False, fontsize=9, labelcolor="linecolor")
    return svg[0]


@dataclass(frozen=True)
class Span:
    """A paired difference: mean, 95 % interval, and the seeds' own differences."""

    arm: str
    title: str
    mean: float
    interval: tuple[float, float] | None
    values: Sequence[float]


def difference_figure(spans: Sequence[Span], name: str) -> str:
    """Paired differences of AP with their intervals, around zero."""
    with drawing(WIDTH, 0.55 + 0.36 * len(spans), name) as (figure, svg):
        axes = figure.add_subplot()
        axes.axvline(0, color=MUTED, linewidth=1)
        for height, span in enumerate(reversed(spans)):
            colour = colour_of(span.arm)
            if span.interval is not None:
                axes.plot(span.interval, [height, height], color=colour, linewidth=2.2, solid_capstyle="butt")
            if len(span.values) > 1:
                axes.plot(span.values, [height] * len(span.values), "o", color=colour, markersize=4, alpha=0.4)
            axes.plot([span.mean], [height], "D", color=colour, markersize=5.5)
        axes.set_yticks(range(len(spans)), [span.title for span in reversed(spans)], color=INK)
        axes.set_ylim(-0.6, len(spans) - 0.4)
        axes.margins(x=0.08)
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, -LEAST_SPAN), max(high, LEAST_SPAN))
        axes.set_xlabel("difference of mask AP")
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
    return svg[0]


def iou_figure(rough: Sequence[float], pseudo: Sequence[float], title: str, name: str) -> str:
    """How many pseudo masks reach each IoU with the hidden truth, before and after refinement."""
    with drawing(WIDTH, 2.5, name) as (figure, svg):
        axes = figure.add_subplot()
        bins = [step / 20 for step in range(21)]
        axes.hist(rough, bins, color=COLOURS["rough"], alpha=0.3, label="rough")
        axes.hist(pseudo, bins, histtype="step", linewidth=2, color=COLOURS["wssis"], label=title)
        axes.set_xlim(0, 1)
        axes.set_xlabel("IoU with the hidden mask")
        axes.set_ylabel("points")
        figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=9)
    return svg[0]


@dataclass(frozen=True)
class Curve:
    """A training's loss: mean of each stretch of steps."""

    arm: str
    title: str
    steps: Sequence[float]
    loss: Sequence[float]


def curves_figure(curves: Sequence[Curve], name: str) -> str:
    """Small multiples of training losses, one panel per network, with common axes per row."""
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    with drawing(2 * WIDTH * columns / 3, 1.6 * rows, name) as (figure, svg):
        for place, curve in enumerate(curves):
            axes = figure.add_subplot(rows, columns, place + 1)
            axes.plot(curve.steps, curve.loss, color=colour_of(curve.arm), linewidth=1.3)
            axes.set_title(curve.title, fontsize=9, loc="left", color=INK)
            axes.tick_params(labelsize=8)
            axes.set_ylim(bottom=0)
            axes.locator_params(nbins=4)
    return svg[0]
