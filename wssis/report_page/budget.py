"""Which mix of masks and points is best for a budget of annotation days, by a study's own curves.

An arm's curve joins its measured mixes by straight lines over the logarithm of their days, as the figures draw it; how
many images get which labels at a mix between two measured ones follows from its days, which are linear in it. Nothing
is said of budgets under the cheapest mix, no curve goes beyond its dearest, and one mix is no curve.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wssis.engine.label_costs import LabelKind
from wssis.report_page.ap_samples import Interval, ap_interval, percentile_interval
from wssis.report_page.curves import Curves, Measured

LEAST_MIXES = 2
CLOSE = 1e-9
"""Relative difference of days that counts as none."""


@dataclass(frozen=True)
class Choice:
    """One way to spend a budget: an arm at a mix, measured or between two measured ones.

    Attributes:
        days: what it costs. full_percent: of the images, with masks. labelled: images by label kind.
        between: the mixes it lies between, or None.
        mean: AP, 0-100; ap: by seed; draws: on every resample, float (B,).
    """

    arm: str
    title: str
    days: float
    full_percent: float
    labelled: dict[LabelKind, float]
    between: tuple[str, str] | None
    mean: float
    ap: dict[str, float]
    draws: NDArray[np.float64]

    @property
    def interval(self) -> Interval | None:
        """95 % over validation images."""
        return ap_interval(self.mean, self.draws)


@dataclass(frozen=True)
class Advice:
    """The answer for one budget.

    Attributes:
        days: the budget. best: None where nothing measured is affordable. rival: the best choice of any other arm.
        difference: AP of best over rival, with its interval; None without a rival.
        wins: share of resamples in which `best` is ahead of every rival, None without rivals or resamples.
        seeds_won: of how many seeds the same holds. note: why this is no answer, or less than one; may be empty.
        curve: whether the study has a curve at all, that is, whether `best` was chosen among mixes.
    """

    days: float
    best: Choice | None
    rival: Choice | None
    difference: tuple[float, Interval | None] | None
    wins: float | None
    seeds_won: int | None
    note: str
    curve: bool


def advise(curves: Curves, days: float, view: str) -> Advice:
    """The best choice within a budget.

    Args:
        curves: what was measured.
        days: the budget, in days of 24 hours as in the papers.
        view: `CostView.key`.
    """
    arms = curves_by_arm(curves, view)
    mixed = has_curve(arms)
    cheapest = min((points[0].days[view] for points in arms.values()), default=math.inf)
    choices = [choice for points in arms.values() if (choice := best_of_arm(points, days, view)) is not None]
    if not choices:
        why = f"the cheapest mix measured costs {cheapest:.3g} days" if arms else "no arm has an AP and a price"
        return Advice(days, None, None, None, None, None, f"No answer: {why}.", mixed)
    ranked = sorted(choices, key=lambda choice: -choice.mean)
    best, rivals = ranked[0], ranked[1:]
    rival = rivals[0] if rivals else None
    return Advice(
        days=days,
        best=best,
        rival=rival,
        difference=None if rival is None else (best.mean - rival.mean, percentile_interval(best.draws - rival.draws)),
        wins=_wins(best, rivals),
        seeds_won=sum(all(best.ap[s] > r.ap[s] for r in rivals) for s in curves.seeds) if rivals else None,
        note=_note(curves, best, days, view),
        curve=mixed,
    )


def curves_by_arm(curves: Curves, view: str) -> dict[str, list[Measured]]:
    """Every arm's records, cheapest first."""
    arms: dict[str, list[Measured]] = {}
    for point in sorted(curves.points, key=lambda point: point.days[view]):
        arms.setdefault(point.arm, []).append(point)
    return arms


def has_curve(arms: dict[str, list[Measured]]) -> bool:
    """Whether some arm has enough mixes."""
    return any(len(points) >= LEAST_MIXES for points in arms.values())


def best_of_arm(points: Sequence[Measured], days: float, view: str) -> Choice | None:
    """The highest AP on an arm's curve up to a budget; None if all its mixes cost more."""
    choices = [_at(point, view) for point in points if point.days[view] <= days * (1 + CLOSE)]
    for low, high in pairwise(points):
        if low.days[view] * (1 + CLOSE) < days < high.days[view] * (1 - CLOSE):
            choices.append(_between(low, high, days, view))
    return max(choices, key=lambda choice: choice.mean, default=None)


def _at(point: Measured, view: str) -> Choice:
    return Choice(
        point.arm, point.title, point.days[view], point.full_percent, point.labelled, None,
        point.mean, dict(point.ap), point.draws,
    )  # fmt: skip


def _between(low: Measured, high: Measured, days: float, view: str) -> Choice:
    start, end = low.days[view], high.days[view]
    share = (days - start) / (end - start)
    height = math.log(days / start) / math.log(end / start)
    ap = {seed: (1 - height) * low.ap[seed] + height * high.ap[seed] for seed in low.ap}
    return Choice(
        arm=low.arm,
        title=low.title,
        days=days,
        full_percent=(1 - share) * low.full_percent + share * high.full_percent,
        labelled={
            kind: (1 - share) * low.labelled.get(kind, 0.0) + share * high.labelled.get(kind, 0.0)
            for kind in low.labelled | high.labelled
        },
        between=(low.mix, high.mix),
        mean=(1 - height) * low.mean + height * high.mean,
        ap=ap,
        draws=(1 - height) * low.draws + height * high.draws,
    )


def _wins(best: Choice, rivals: Sequence[Choice]) -> float | None:
    if not rivals or not best.draws.size:
        return None
    others = np.max([rival.draws for rival in rivals], axis=0)
    defined = ~np.isnan(best.draws - others)  # A resample without truth says nothing of either.
    return float(np.mean((best.draws > others)[defined])) if defined.any() else None


def _note(curves: Curves, best: Choice, days: float, view: str) -> str:
    dearest = max(point.days[view] for point in curves.points)
    if days > dearest * (1 + CLOSE):
        return f"Nothing dearer than {dearest:.3g} days was measured; what more would buy is unknown."
    if best.days < days * (1 - CLOSE):
        return f"The best that was measured within the budget leaves {days - best.days:.2g} days of it unspent."
    return ""


def pareto(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which of (days, AP) no other beats: none is as cheap or cheaper and better, or cheaper and as good.

    >>> pareto([(1, 10), (2, 9), (2, 12), (1, 8)])
    [True, False, True, False]
    """
    return [not any(days <= d and ap >= a and (days < d or ap > a) for days, ap in points) for d, a in points]
