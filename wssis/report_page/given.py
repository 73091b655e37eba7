"""Half-labelled data: nobody knows the true masks of the clicked objects. What is known all the same, what is not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from wssis.config.half_labelled import GIVEN_MIX
from wssis.config.label_cost import CostSettings
from wssis.engine.label_costs import PUBLISHED, LabelCounts, label_days
from wssis.formats.manifest import read_manifest
from wssis.report_page import words
from wssis.report_page.plan import Plan
from wssis.report_page.results import ArmResult, Group
from wssis.report_page.tables import Cell, Table, make_table

FATES = {
    "masked": "clicks with a mask",
    "unmasked": "kept without a mask, never background",
    "dropped": "without any pseudo label",
    "click_outside": "masks that miss the click they were made for",
    "without_a_click": "masks on weak images that hold no free click of their class",
}
UNKNOWN = (
    "how well the pseudo masks fit",
    "how much of the gap to masks on every image is closed, since there is no oracle",
    "what clicks lose against masks on these images, and what refinement could still win",
)


@dataclass(frozen=True)
class GivenMasks:
    """What the page tells of a group's pseudo masks.

    Attributes:
        table: what became of the clicks, by arm; None where no arm has pseudo masks.
        pairs: the sentence on the refiner's pairs; empty without any out of fold.
        days: what the labels cost, and what masks on the same images would have, in a sentence.
    """

    table: Table | None
    pairs: str
    days: str
    unknown: tuple[str, ...] = UNKNOWN


def with_shares(plan: Plan) -> Plan:
    """The plan with the share of masks in its half-labelled files, which are counted when they are split."""
    rows = tuple(
        row if row.full_percent is not None else row.model_copy(update={"full_percent": _share(row.folder("split"))})
        for row in plan.rows
    )
    return plan.model_copy(update={"rows": rows})


def _share(run: Path) -> float:
    """Percent of the training images with masks, to a tenth."""
    counts = read_manifest(run / "split.manifest.json")["counts"]
    images = [counts.get(f"{kind}_images", 0) for kind in ("full", "point", "unlabelled")]
    return round(100 * images[0] / sum(images), 1)


def given_masks(group: Group, cost: CostSettings) -> GivenMasks | None:
    """What is told of a group of half-labelled files; None for any other."""
    if group.mix != GIVEN_MIX:
        return None
    arms = [arm for arm in group.arms.values() if any(r.row.shown_file is not None for r in arm.seeds.values())]
    counts = {arm.arm.name: [_counts(r.row.shown_file) for r in arm.seeds.values() if r.row.shown_file] for arm in arms}
    return GivenMasks(_table(group, arms, counts) if arms else None, _pairs(counts), _days(group, cost))


def _counts(shown: Path) -> Mapping[str, Any]:
    return read_manifest(shown.with_name(f"{shown.name}.manifest.json"))["counts"]


def _table(group: Group, arms: Sequence[ArmResult], counts: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    lines: list[tuple[str | Cell, ...]] = []
    for key, title in FATES.items():
        means = [_mean(counts[arm.arm.name], key) for arm in arms]
        if any(value is not None for value in means):
            lines.append((title, *(words.number(value, 0) for value in means)))
    first = counts[arms[0].arm.name]
    caption = (
        f"What became of the {words.count(mean(one['points'] for one in first))} clicks of {group.name}, and of the"
        f" masks made for them, {words.seeds_note(group.seeds)}"
    )
    return make_table(f"clicks-{group.key}", caption, ("clicks", *(arm.arm.title for arm in arms)), lines)


def _mean(counts: Sequence[Mapping[str, Any]], key: str) -> float | None:
    values = [one[key] for one in counts if key in one]
    return mean(values) if values else None


def _pairs(counts: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The one IoU there is: of rough masks on full images, by networks that had not seen them."""
    found = [one for own in counts.values() for one in own if one.get("pairs")]
    if not found:
        return ""
    iou, above = mean(one["mean_iou_pairs"] for one in found), mean(one["above_half_pairs"] for one in found)
    return (
        f"On the full images, rough masks by networks that had not seen them have a mean IoU of {iou:.2f} with the true"
        f" masks ({words.percent(above)} at .5 and more; {words.count(mean(one['pairs'] for one in found))} objects)."
        " Rough masks on the clicked images are made the same way, but by a network with more training images, and by"
        " clicks instead of simulated points: with few masked images they are likely better than this. It is no"
        " measurement of them."
    )


def _days(group: Group, cost: CostSettings) -> str:
    """Cost of the labels that were given, and of masks on the same images, by both models."""
    paying = [arm for arm in group.arms.values() if "point" in arm.arm.pays]
    if not paying:
        return ""
    labelled = next(iter(paying[0].seeds.values())).labelled
    masks = {model: label_days({"full": _sum(labelled.values())}, model, cost) for model in PUBLISHED}
    own = paying[0].days
    shares = [
        f"{words.work(own[model])} of {words.work(days)} ({words.percent(own[model] / days)})"
        for model, days in masks.items()
    ]
    return (
        "By their own counts (each click is an object), the masks and clicks cost, of what masks on all these images"
        f" would have cost, {shares[0]} by PointWSSIS's model and {shares[1]} by that of Cheng et al."
    )


def _sum(counts: Iterable[LabelCounts]) -> LabelCounts:
    """Images and objects of all label kinds together."""
    every = list(counts)
    return LabelCounts(
        images=sum(one.images for one in every),
        objects=sum(one.objects for one in every),
        pairs=sum(one.pairs for one in every),
        empty=sum(one.empty for one in every),
        categories=every[0].categories,
    )
