"""The answer to one budget as text for a terminal."""

from collections.abc import Sequence
from typing import get_args

from wssis.engine.label_costs import CostModel, CostView
from wssis.errors import InputError
from wssis.report_page import words
from wssis.report_page.budget import Advice, advise
from wssis.report_page.costs import choice_text, no_curve, view_title
from wssis.report_page.curves import Curves, StudyCurves


def budget_text(
    study: StudyCurves,
    days: float,
    model: str | None = None,
    categories_known: bool | None = None,
    dataset: str | None = None,
    variant: str = "base",
) -> str:
    """The best mix for a budget, per data set and cost model; None means all models, all data sets, the study's own.

    Raises:
        InputError: the study has no such data set or variant.
    """
    known = study.categories_known if categories_known is None else categories_known
    views = [CostView(name, known) for name in get_args(CostModel) if model in (None, name)]
    chosen = [c for c in study.curves if c.variant == variant and dataset in (None, c.dataset)]
    if not chosen:
        there = ", ".join(f"{c.dataset} {c.variant}" for c in study.curves)
        raise InputError(f"study {study.study} has no data set and variant {dataset or ''} {variant}; it has {there}")
    if model == "measured" and not any(_is_counted(curves, views[0]) for curves in chosen):
        raise InputError(f"study {study.study} has no measured seconds; set report.cost.measured, write its report")
    return "\n\n".join(
        _answer(curves, days, view) for curves in chosen for view in views
        if view.model != "measured" or _is_counted(curves, view)
    )  # fmt: skip


def _is_counted(curves: Curves, view: CostView) -> bool:
    """Whether the report has counted the days this way."""
    return any(view.key in point.days for point in curves.points)


def _answer(curves: Curves, days: float, view: CostView) -> str:
    advice = advise(curves, days, view.key)
    lines = [f"{curves.dataset}, {days:g} days by {view_title(view)}"]
    if advice.best is None:
        return "\n".join([*lines, f"  {advice.note}"])
    if not advice.curve:
        lines += [f"  {no_curve(curves)}", "  The best measured within the budget:"]
    return "\n".join([*lines, *(f"  {line}" for line in _advice_lines(advice, curves.seeds))])


def _advice_lines(advice: Advice, seeds: Sequence[str]) -> list[str]:
    best = advice.best
    assert best is not None
    lines = [
        choice_text(best),
        f"{words.number(best.mean)} AP {words.interval(best.interval, sign=False)} for {words.days(best.days)} days",
    ]
    if best.between is not None:
        lines[-1] += ", on the straight line between two measured mixes"
    if advice.rival is not None and advice.difference is not None:
        mean, bounds = advice.difference
        clear = bounds is not None and bounds[0] > 0
        told = "" if clear or bounds is None else ", which these validation images cannot tell from zero"
        lines.append(f"{words.signed(mean)} AP {words.interval(bounds)} before {choice_text(advice.rival)}{told}")
        if advice.wins is not None:
            lines.append(
                f"best in {100 * advice.wins:.0f} % of the resamples and in {advice.seeds_won} of {len(seeds)} seeds"
            )
    return [*lines, advice.note] if advice.note else lines
