"""What the labels cost and what a budget buys: tables and figures of one data set, over all its mixes."""

from collections.abc import Sequence
from dataclasses import dataclass

from wssis.config.half_labelled import GIVEN_MIX
from wssis.config.label_cost import CostSettings
from wssis.engine.label_costs import CostView, LabelKind, cost_views
from wssis.report_page import words
from wssis.report_page.ap_samples import ap_interval
from wssis.report_page.budget import Advice, Choice, advise, curves_by_arm, has_curve, pareto
from wssis.report_page.cost_figures import SpentPoint, cost_figure
from wssis.report_page.curves import Curves, Measured
from wssis.report_page.figures import Picture, colour_of
from wssis.report_page.plan import mix_title
from wssis.report_page.results import Group
from wssis.report_page.stage_days import stage_days
from wssis.report_page.tables import Cell, Table, make_table

MODEL_NAMES = {"pointwssis": "PointWSSIS", "cheng": "Cheng et al."}
OWN_SECONDS = "own measured seconds"
MOST_BUDGETS = 9
ON_FRONT = "●"
LABELS: dict[LabelKind, str] = {"point": "points", "points10": "boxes with points", "box": "boxes"}


def view_title(view: CostView) -> str:
    """Words for one way to count label cost."""
    if view.model == "measured":
        return OWN_SECONDS
    return f"{MODEL_NAMES[view.model]}, categories {'known' if view.categories_known else 'unknown'}"


@dataclass(frozen=True)
class Planning:
    """What one cost model says to budgets: a table, or the reason why there is none."""

    title: str
    table: Table | None
    note: str


@dataclass(frozen=True)
class CostSection:
    """The cost section of one data set and variant; `others` are the figures for the other setting of categories."""

    pictures: tuple[Picture, ...]
    others: tuple[Picture, ...]
    table: Table
    stages: Table
    planning: tuple[Planning, ...]


def cost_section(curves: Curves, groups: Sequence[Group], cost: CostSettings) -> CostSection | None:
    """Figures, tables and planning of one data set and variant; None where nothing has an AP and a price.

    groups: those that the curves are of.
    """
    if not curves.points:
        return None
    views = cost_views(cost)
    chosen = [view for view in views if view.categories_known == cost.categories_known]
    return CostSection(
        pictures=tuple(_picture(curves, view) for view in chosen),
        others=tuple(_picture(curves, view) for view in views if view not in chosen),
        table=_cost_table(curves, views),
        stages=stage_days(curves, groups, cost),
        planning=tuple(_planning(curves, view) for view in chosen),
    )


def _key(curves: Curves) -> str:
    return f"{curves.dataset}-{curves.variant}"


def _front(curves: Curves, view: CostView) -> list[bool]:
    return pareto([(point.days[view.key], point.mean) for point in curves.points])


def _picture(curves: Curves, view: CostView) -> Picture:
    points = [
        SpentPoint(
            p.arm, p.title, p.days[view.key], p.mean, ap_interval(p.mean, p.draws), list(p.ap.values()), best
        )
        for p, best in zip(curves.points, _front(curves, view), strict=True)
    ]  # fmt: skip
    told = "; ".join(
        f"{p.title} {p.ap:.1f} AP for {words.days(p.spent)} days{' (Pareto front)' if p.best else ''}" for p in points
    )
    seeds = "" if len(curves.seeds) == 1 else " Small dots: single seeds."
    caption = (
        f"AP against label cost by {view_title(view)}; logarithmic. Broad band: the Pareto front, which nothing"
        f" measured beats in both. Lines up and down: 95 % intervals over validation images.{seeds}"
    )
    svg = cost_figure(points, f"cost-{view.key}-{_key(curves)}")
    return Picture(svg, f"Mask AP against label cost by {view_title(view)}: {told}.", caption)


def _cost_table(curves: Curves, views: Sequence[CostView]) -> Table:
    fronts = {view.key: _front(curves, view) for view in views}
    lines = []
    arms = list(dict.fromkeys(point.arm for point in curves.points))
    order = sorted(
        range(len(curves.points)), key=lambda n: (arms.index(curves.points[n].arm), curves.points[n].full_percent)
    )
    for place, point in ((n, curves.points[n]) for n in order):
        days = [
            Cell(words.days(point.days[view.key]), tag=ON_FRONT if fronts[view.key][place] else "")
            for view in views
        ]
        ap = Cell(words.number(point.mean), kind="main")
        interval = words.interval(ap_interval(point.mean, point.draws), sign=False)
        name = Cell(point.title, colour=colour_of(point.arm))
        masks = words.count(point.labelled.get("full", 0.0))
        lines.append((name, mix_title(point.mix, point.full_percent), masks, ap, interval, *days))
    head = ("arm", "masks", "images with masks", "AP", "95 % interval", *map(view_title, views))
    caption = (
        f"Label days of every arm and mix of {curves.dataset}, by the data set's own counts; {ON_FRONT}: on the Pareto"
        " front"
    )
    return make_table(f"cost-{_key(curves)}", caption, head, lines)


def _planning(curves: Curves, view: CostView) -> Planning:
    title = view_title(view)
    arms = curves_by_arm(curves, view.key)
    if not has_curve(arms):
        return Planning(title, None, no_curve(curves))
    advices = [advise(curves, days, view.key) for days in budgets(curves.points, view)]
    lines = [(words.days(advice.days), *_advice_cells(advice)) for advice in advices if advice.best is not None]
    head = ("budget, days", "best choice", "AP", "95 % interval", "before the next arm", "holds in", "note")
    caption = f"The best mix for a budget of label days on {curves.dataset}, by {title}"
    table = make_table(f"budget-{view.key}-{_key(curves)}", caption, head, lines, text=(1, 4, 6))
    return Planning(title, table, "")


def no_curve(curves: Curves) -> str:
    """Why a study without a curve gives no plan."""
    mixes = sorted({point.full_percent for point in curves.points if point.full_percent < 100})
    told = " and ".join(f"{percent:g} %" for percent in mixes) or "no share under 100 %"
    if all(point.mix == GIVEN_MIX for point in curves.points):
        return (
            f"One mix: no curve. The files have masks on {told} of the images, so which share of masks suits a budget"
            " cannot be told from them; a study of a data set with all masks, which hides some of them, would tell."
        )
    return (
        f"One mix: no curve. Each arm was measured with masks on {told} of the images, so which share of masks suits a"
        " budget cannot be told from this study; more entries in run.mixes would tell."
    )


def _advice_cells(advice: Advice) -> tuple[str | Cell, ...]:
    best = advice.best
    assert best is not None
    seeds = f"{advice.seeds_won} of {len(best.ap)} seeds"
    holds = words.DASH if advice.wins is None else f"{100 * advice.wins:.0f} %, {seeds}"
    return (
        choice_text(best),
        Cell(words.number(best.mean), kind="main"),
        words.interval(best.interval, sign=False),
        _ahead(advice),
        holds,
        advice.note,
    )


def _ahead(advice: Advice) -> str:
    if advice.rival is None or advice.difference is None:
        return "nothing else is affordable"
    mean, bounds = advice.difference
    return f"{advice.rival.title}: {words.signed(mean)} {words.interval(bounds)}".strip()


def choice_text(choice: Choice) -> str:
    """One choice in words: arm, what is labelled how on how many images, and whether it was measured."""
    masks = choice.labelled.get("full", 0.0)
    told = [f"masks on {choice.full_percent:.3g} % ({words.images(masks)})"] if masks else []
    told += [f"{LABELS[kind]} on {words.images(choice.labelled[kind])}" for kind in LABELS if kind in choice.labelled]
    if len(choice.labelled) == 1 and masks and choice.full_percent < 100:
        told.append("no labels on the rest")
    between = "" if choice.between is None else f", between {' and '.join(choice.between)}"
    return f"{choice.title}: {', '.join(told)}{between}"


def budgets(points: Sequence[Measured], view: CostView) -> list[float]:
    """Budgets to answer: 1, 2, 5 and their tenfolds between the cheapest and the dearest mix, thinned out."""
    days = [point.days[view.key] for point in points]
    steps = [m * 10.0**e for e in range(-6, 7) for m in (1, 1.5, 2, 3, 5, 7)]
    inside = [step for step in steps if min(days) <= step <= max(days)] or [max(days)]
    every = -(-len(inside) // MOST_BUDGETS)
    return inside[::every]
