"""What each labelling stage costs, in words, by every cost model: what the label days of the report are sums of."""

from wssis.config.label_cost import CostSettings
from wssis.engine.label_costs import has_measured
from wssis.report_page.tables import Table, make_table

KNOWN = "dropped: the categories are known"
HEAD = (
    "stage", "what it is", "PointWSSIS (Kim et al. 2023)", "Cheng et al. 2022",
    "own seconds, PointWSSIS's where not measured",
)  # fmt: skip


def cost_stages(cost: CostSettings, boxes: bool) -> Table:
    """The cost models, stage by stage; the study's own seconds where it has measured any.

    boxes: whether an arm buys boxes with points; only then are these told.
    """
    told = _pointwssis(cost), _cheng(cost), *([_own(cost)] if has_measured(cost) else [])
    stages = [
        ("category", "naming what is in the image"), ("spotting", "finding each object"), ("mask", "drawing it"),
        ("point", "clicking on it"), ("box", "drawing it"), ("point in a box", "object or background?"),
    ]  # fmt: skip
    lines = [(*stage, *cells) for stage, *cells in zip(stages, *told, strict=True)][: None if boxes else -2]
    caption = "Seconds of each labelling stage by the cost models"
    return make_table("cost-models", caption, HEAD[: 2 + len(told)], lines, (1, 2, 3))


def _pointwssis(cost: CostSettings) -> tuple[str, ...]:
    """Category, spotting, mask, point, box, point in a box; so by every model."""
    return (
        KNOWN if cost.categories_known else f"{cost.absent_class:g} s per absent class",
        "within the label",
        f"{cost.mask:g} s per object",
        f"{cost.point_first:g} s for the first of a class in an image, {cost.point_more:g} s for each further",
        f"{cost.box:g} s per object",
        f"{cost.point_more:g} s each",
    )


def _cheng(cost: CostSettings) -> tuple[str, ...]:
    return (
        KNOWN if cost.categories_known else
        f"{cost.cheng_category:g} s per object, and once per image without objects",
        f"{cost.cheng_spotting:g} s per object",
        f"{cost.cheng_mask:g} s per object",
        f"{cost.cheng_point:g} s per object",
        f"{cost.box:g} s per object",
        f"{cost.cheng_point:g} s each",
    )  # fmt: skip


def _own(cost: CostSettings) -> tuple[str, ...]:
    """As PointWSSIS's where nothing was measured."""
    asked, spotting, *_ = _pointwssis(cost)
    own = {name: getattr(cost, name, 0.0) if value is None else value for name, value in cost.measured}
    in_box = cost.point_more if cost.measured.point_in_box is None else cost.measured.point_in_box
    return (
        asked if cost.measured.image is None else "within the image",
        spotting if cost.measured.image is None else f"{own['image']:.3g} s per image",
        f"{own['mask']:.3g} s per object",
        f"{own['point_first']:.3g} s for the first of a class in an image, {own['point_more']:.3g} s for each further",
        f"{own['box']:.3g} s per object",
        f"{in_box:.3g} s each",
    )
