"""Days of each labelling stage (naming, spotting, localising), of which the label days of every arm are the sums."""

from collections.abc import Iterator, Sequence
from statistics import mean

from wssis.config.label_cost import CostSettings
from wssis.engine.label_costs import PUBLISHED, SECONDS_PER_DAY, CostModel, has_measured, label_stages
from wssis.report_page import words
from wssis.report_page.curves import Curves, Measured
from wssis.report_page.figures import colour_of
from wssis.report_page.plan import mix_title
from wssis.report_page.results import Group, Result
from wssis.report_page.tables import Cell, Table, make_table

MODELS: dict[CostModel, str] = {"pointwssis": "PointWSSIS", "cheng": "Cheng et al.", "measured": "own seconds"}
STAGES = ("category", "spotting", "localisation")


def stage_days(curves: Curves, groups: Sequence[Group], cost: CostSettings) -> Table:
    """One line for every arm and mix of a curve, means over its seeds, in the curve's order.

    Args:
        groups: those of the curve, where its results are.
    """
    models: list[CostModel] = [*PUBLISHED, *(["measured"] if has_measured(cost) else [])]
    lines: list[tuple[str | Cell, ...]] = []
    for point in curves.points:
        name = Cell(point.title, colour=colour_of(point.arm))
        results = _results(point, curves, groups)
        cells = (cell for model in models for cell in _cells(results, model, cost))
        lines.append((name, mix_title(point.mix, point.full_percent), *cells))
    head = ("arm", "masks", *(f"{MODELS[model]}, {stage}" for model in models for stage in (*STAGES, "all")))
    told = "known" if cost.categories_known else "unknown"
    caption = (
        f"Label days of {curves.dataset} by labelling stage, categories {told}: naming what is in the image, spotting"
        " each object, localising it by mask, point or box; a dash: no seconds of its own by that model"
    )
    return make_table(f"stage-days-{curves.dataset}-{curves.variant}", caption, head, lines)


def _results(point: Measured, curves: Curves, groups: Sequence[Group]) -> list[Result]:
    """What a point of a curve is the mean of."""
    arms = (group.arms[point.arm] for group in groups if point.arm in group.arms)
    own = next(arm for arm in arms if next(iter(arm.seeds.values())).row.mix == point.mix)
    return [own.seeds[seed] for seed in curves.seeds]


def _cells(results: Sequence[Result], model: CostModel, cost: CostSettings) -> Iterator[str | Cell]:
    stages = [label_stages(result.labelled, model, cost) for result in results]
    for stage in STAGES:
        seconds = mean(getattr(one, stage) for one in stages)
        yield words.days(seconds / SECONDS_PER_DAY) if seconds else words.DASH
    yield Cell(words.days(mean(one.total for one in stages) / SECONDS_PER_DAY), kind="main")
