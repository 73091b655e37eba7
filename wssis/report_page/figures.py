"""The page's figures, as inline SVG: text stays text, drawn in the page's own font; each comes with its alt text."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape, unescape

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, RULE = "#1f2733", "#667080", "#d8dce3"
COLOURS = {
    "oracle": "#2b313b",
    "oracle-mask": "#6d5a3f",
    "wssis": "#0b6b68",
    "wssis-2": "#0a4f63",
    "wssis-long": "#3a8f8a",
    "semi": "#7a5ea8",
    "rough": "#c0661a",
    "supervised": "#5d6675",
    "supervised-short": "#8a8f9c",
    "teacher": "#4a7ab0",
    "points10": "#b0413e",
    "points10-implicit": "#a3486b",
    "points10-selftrain": "#d1762b",
    "points10-solov2": "#8c2f5f",
    "mask-rcnn-supervised": "#9a8f86",
    "mask-rcnn-oracle": "#5a4a52",
}
OTHER_COLOURS = ("#a3486b", "#587f3a", "#46629e", "#8f7a0e", "#b0413e", "#c05aa0", "#7a4a2a")
MARKERS = "oXDs^P*v<p"
STYLE = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "legend.fontsize": 9,
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
WIDTH = 4.3
"""Inches; narrow enough for a phone to show a figure's text at a readable size."""
LETTERS, LETTERS_OF_MARKER = 60, 8
"""Letters of a legend that fit side by side into `WIDTH`, and those that an entry's marker takes the room of."""
UNSEEN = {"alpha": 0.01, "linewidth": 0}
"""Look of an area that is a link and no part of the drawing; the page shows it under the pointer and in focus."""
LINKED = re.compile(r'<a xlink:href="([^"]*)"[^>]*>\s*(.*?)\s*</a>', re.DOTALL)
"""What matplotlib makes of an artist with a URL."""
LEAST_SPAN = 1.0
"""AP that an axis covers at least, so that noise does not look like a difference."""


@dataclass(frozen=True)
class Link:
    """A link out of a figure: its address within the report, and its name."""

    href: str
    title: str


@dataclass(frozen=True)
class Picture:
    """A figure ready for the page: `svg` is markup, `alt` says in words what it shows.

    Attributes:
        links: to the instances behind the whole of it; after its caption, introduced by the words of `behind`.
    """

    svg: str
    alt: str
    caption: str
    links: tuple[Link, ...] = ()
    behind: str = ""

    @property
    def linked(self) -> bool:
        """Whether there are links in the figure itself: then it is no mere image."""
        return "<a href=" in self.svg


def colour_of(arm: str) -> str:
    """The arm's colour, the same in every figure; arms without one of their own take one by their name."""
    return COLOURS.get(arm, OTHER_COLOURS[_number(arm) % len(OTHER_COLOURS)])


def marker_of(arm: str) -> str:
    """The arm's marker, so that no figure of several arms is told by colours alone."""
    place = list(COLOURS).index(arm) if arm in COLOURS else _number(arm)
    return MARKERS[place % len(MARKERS)]


def _number(arm: str) -> int:
    return sum(place * ord(letter) for place, letter in enumerate(arm, start=1))


@contextmanager
def drawing(
    width: float, height: float, name: str, links: Iterable[Link | None] = ()
) -> Iterator[tuple[Figure, list[str]]]:
    """Lend a figure of a size in inches; the second value holds its SVG once the block has ended.

    `name` salts the ids inside the SVG, so that two figures of one page never share one. Artists whose URL is the
    address of one of the `links` become that link.
    """
    svg: list[str] = []
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, svg
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg.append(_inline(stream.getvalue(), name, [link for link in links if link is not None]))


def _inline(svg: str, name: str, links: Sequence[Link]) -> str:
    """Only the <svg> element, sized by the page, its ids made unique; all but links hidden from readers of alt text."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r'xlink:href="#([^"]+)"', rf'xlink:href="#{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    head, rest = body.split(">", 1)
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    if not links:
        return f'{head} aria-hidden="true" focusable="false">{rest}'
    shapes = {unescape(href): shape for href, shape in LINKED.findall(rest)}
    drawn = LINKED.sub("", rest).removesuffix("</svg>\n")
    ways = "".join(
        f'<a href="{escape(link.href)}" aria-label="{escape(link.title)}"><title>{escape(link.title)}</title>'
        f"{shapes[link.href]}</a>"
        for link in links
    )
    return f'{head}><g aria-hidden="true">{drawn}</g><g class="links">{ways}</g></svg>'


@dataclass(frozen=True)
class Span:
    """An AP or a difference of two: mean, 95 % interval, and the seeds' own values."""

    arm: str
    title: str
    mean: float
    interval: tuple[float, float] | None
    values: Sequence[float]


def ap_figure(rows: Sequence[Span], name: str) -> str:
    """AP per arm: mean, its value, its interval and the seeds; the first row on top."""
    with drawing(WIDTH, 0.6 + 0.34 * len(rows), name) as (figure, svg):
        axes = figure.add_subplot()
        _spans(axes, rows)
        for height, row in enumerate(reversed(rows)):
            axes.plot([0, row.mean], [height, height], color=colour_of(row.arm), linewidth=1, alpha=0.3, zorder=1)
            end = max([row.mean, *row.values, *(row.interval or ())])
            axes.annotate(f"{row.mean:.1f}", (end, height), (7, 0), textcoords="offset points", va="center")
        most = max(max([row.mean, *row.values, *(row.interval or ())]) for row in rows)
        axes.set_xlim(0, max(LEAST_SPAN, 1.2 * most))
        axes.set_xlabel("mask AP on validation")
    return svg[0]


def difference_figure(spans: Sequence[Span], name: str) -> str:
    """Paired differences of AP with their intervals, around zero."""
    with drawing(WIDTH, 0.6 + 0.34 * len(spans), name) as (figure, svg):
        axes = figure.add_subplot()
        axes.axvline(0, color=MUTED, linewidth=1)
        _spans(axes, spans)
        axes.margins(x=0.08)
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, -LEAST_SPAN), max(high, LEAST_SPAN))
        axes.set_xlabel("difference of mask AP")
    return svg[0]


def _spans(axes: Axes, spans: Sequence[Span]) -> None:
    """One row each, the first on top: interval, seeds, mean, and the title as the tick's label."""
    for height, span in enumerate(reversed(spans)):
        colour = colour_of(span.arm)
        if span.interval is not None:
            axes.plot(span.interval, [height, height], color=colour, linewidth=2.2, solid_capstyle="butt")
        if len(span.values) > 1:
            axes.plot(span.values, [height] * len(span.values), "o", color=colour, markersize=4, alpha=0.45)
        axes.plot([span.mean], [height], "D", color=colour, markersize=5.5)
    axes.set_yticks(range(len(spans)), [span.title for span in reversed(spans)], color=INK)
    axes.set_ylim(-0.6, len(spans) - 0.4)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)


def parts_figure(
    parts: Sequence[tuple[str, Sequence[tuple[str, str, float]]]], name: str, links: Sequence[Link | None]
) -> str:
    """Mean IoU of parts of the points: per part a row, in it a marker per kind of masks (arm, title, value).

    links: of each row.
    """
    known = {title: None for _, values in parts for _, title, _ in values}
    across = _legend_columns(known)
    with drawing(WIDTH, 0.55 + 0.2 * -(-len(known) // across) + 0.3 * len(parts), name, links) as (figure, svg):
        axes = figure.add_subplot()
        titles: dict[str, str] = {}
        for height, (_, values) in enumerate(reversed(parts)):
            axes.plot([value for _, _, value in values], [height] * len(values), color=RULE, linewidth=2, zorder=1)
            for arm, title, value in values:
                label = None if arm in titles else title
                titles[arm] = title
                axes.plot([value], [height], marker_of(arm), color=colour_of(arm), markersize=6, label=label, zorder=2)
        for height, link in enumerate(reversed(links)):
            if link is not None:
                axes.axhspan(height - 0.5, height + 0.5, url=link.href, **UNSEEN)
        axes.set_yticks(range(len(parts)), [what for what, _ in reversed(parts)], color=INK)
        axes.set_ylim(-0.6, len(parts) - 0.4)
        axes.set_xlabel("mean IoU with the hidden mask")
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        figure.legend(loc="outside upper right", ncols=across, frameon=False, labelcolor=INK)
    return svg[0]


def _legend_columns(titles: Iterable[str]) -> int:
    """How many titles stand side by side in a legend of a figure's width.

    >>> _legend_columns(["rough", "refined"]), _legend_columns(["rough", "Semi-supervised, without points"])
    (3, 1)
    """
    return max(1, min(3, LETTERS // (max(map(len, titles)) + LETTERS_OF_MARKER)))


def iou_figure(
    rough: Sequence[float],
    pseudo: Sequence[float],
    title: str,
    arm: str,
    name: str,
    links: Mapping[tuple[float, float], Link],
) -> str:
    """How many pseudo masks reach each IoU with the hidden truth, before and after refinement.

    links: by the range of IoU that they are about.
    """
    with drawing(WIDTH, 2.6, name, links.values()) as (figure, svg):
        axes = figure.add_subplot()
        bins = [step / 20 for step in range(21)]
        axes.hist(rough, bins, color=COLOURS["rough"], alpha=0.35, label="rough")
        axes.hist(pseudo, bins, histtype="step", linewidth=2, color=colour_of(arm), label=title)
        for (low, high), link in links.items():
            axes.axvspan(low, high, url=link.href, **UNSEEN)
        axes.set_xlim(0, 1)
        axes.set_xlabel("IoU with the hidden mask")
        axes.set_ylabel("points")
        figure.legend(loc="outside upper left", ncols=2, frameon=False, labelcolor=INK)
    return svg[0]


@dataclass(frozen=True)
class Curve:
    """A training's loss: mean of each stretch of steps."""

    arm: str
    title: str
    steps: Sequence[float]
    loss: Sequence[float]


def curve_figure(curve: Curve, highest: float, name: str) -> str:
    """One training's loss, from 0 to a height that all panels share."""
    with drawing(WIDTH / 2, 1.5, name) as (figure, svg):
        axes = figure.add_subplot()
        axes.plot(curve.steps, curve.loss, color=colour_of(curve.arm), linewidth=1.4)
        axes.set_title(curve.title, fontsize=9, loc="left", color=INK)
        axes.set_ylim(0, 1.05 * highest)
        axes.locator_params(nbins=4)
    return svg[0]
