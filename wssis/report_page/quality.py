"""Pseudo masks against hidden truth, before and after refinement: by size of the object, touching objects apart.

Reads quality/{arm}.csv and its manifest; the hidden masks themselves come this far in the shown images alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import pandas as pd

from wssis.engine.pseudo_quality import BOUNDS
from wssis.formats.manifest import read_manifest
from wssis.report_page import figures, words
from wssis.report_page.figures import Link, Picture
from wssis.report_page.filters import Address, iou_ranges
from wssis.report_page.results import ArmResult, Group
from wssis.report_page.tables import Cell, Table, make_table

SMALL, LARGE = 32**2, 96**2
"""COCO's bounds of small, medium and large objects: area of the mask, px."""

Part = Callable[[pd.DataFrame], pd.Series]
SIZES: Mapping[str, Part] = {
    "small": lambda rows: rows["area"] < SMALL,
    "medium": lambda rows: (rows["area"] >= SMALL) & (rows["area"] <= LARGE),
    "large": lambda rows: rows["area"] > LARGE,
}
TOUCHING: Mapping[str, Part] = {
    "apart": lambda rows: rows["touching"] == 0,
    "touching": lambda rows: rows["touching"] == 1,
}
AS_LABELS = {"precision_50": "precision at IoU .5", "recall_50": "recall at IoU .5"}
STATUSES = {"masked": "points with a mask", "unmasked": "kept without a mask", "dropped": "without any pseudo label"}


@dataclass(frozen=True)
class Line:
    """A part of the points: words for it, what filters the gallery to it, and which rows belong to it."""

    title: str
    query: Mapping[str, str]
    part: Part


@dataclass(frozen=True)
class Column:
    """One kind of masks: its arm, words, the column of the CSV, and its tables, one per seed."""

    arm: str
    title: str
    kind: str
    tables: tuple[pd.DataFrame, ...]


@dataclass(frozen=True)
class MaskQuality:
    """What the page shows of a group's pseudo masks."""

    table: Table
    labels: Table
    pictures: tuple[Picture, ...]


def mask_quality(group: Group, address: Address, whose: str | None) -> MaskQuality | None:
    """The quality of a group's pseudo masks; None where no arm has quality files.

    Args:
        address: of a part of the points.
        whose: the arm whose masks, and their IoU, the gallery shows; None without a gallery.
    """
    columns = _columns(group)
    if not columns:
        return None
    pictures = [_size_picture(columns, group, address)]
    for column in columns[1:]:
        rough = _own_rough(column) or columns[0]
        pictures.append(_iou_picture(rough, column, group, _iou_links(address, whose == column.arm)))
    behind = {"links": _whole(address), "behind": "Instances behind it"}
    linked = tuple(replace(picture, **behind) for picture in pictures)
    return MaskQuality(_table(columns, group, address), _label_table(group, address), linked)


def _whole(address: Address) -> tuple[Link, ...]:
    href = address({})
    return () if href is None else (Link(href, "the gallery"),)


def _iou_links(address: Address, own: bool) -> dict[tuple[float, float], Link]:
    """Ranges of IoU with instances; `own`: whether the gallery shows the IoU that the figure is about."""
    ranges = {span: address({"iou": span}) for span in iou_ranges()} if own else {}
    return {
        iou_ranges()[span]: Link(href, f"Instances with IoU {span.replace('-', ' to ')}")
        for span, href in ranges.items()
        if href is not None
    }


def _measured(group: Group) -> list[ArmResult]:
    return [arm for arm in group.arms.values() if any(r.row.quality is not None for r in arm.seeds.values())]


def _files(arm: ArmResult) -> list[Path]:
    return [Path(result.row.quality) for result in arm.seeds.values() if result.row.quality is not None]


def _columns(group: Group) -> list[Column]:
    """Rough masks first, then those of every arm that makes something else of them."""
    arms = _measured(group)
    if not arms:
        return []
    read = {arm.arm.name: tuple(pd.read_csv(path) for path in _files(arm)) for arm in arms}
    made = [arm for arm in arms if arm.arm.pseudo != "rough"]
    # An arm without points has no rough masks: its column is empty.
    guided = [arm for arm in arms if read[arm.arm.name][0]["iou_rough"].notna().any()]
    first = next((arm for arm in guided if arm.arm.pseudo == "refined"), guided[0] if guided else arms[0])
    columns = [Column("rough", "rough", "iou_rough", read[first.arm.name])]
    refined = [arm for arm in made if arm.arm.pseudo == "refined"]
    return columns + [Column(arm.arm.name, _title(arm, len(refined)), "iou_pseudo", read[arm.arm.name]) for arm in made]


def _own_rough(column: Column) -> Column | None:
    """The rough masks that an arm's own were made from: a second round has others than the first; None without any."""
    known = any(table["iou_rough"].notna().any() for table in column.tables)
    return Column("rough", "rough", "iou_rough", column.tables) if known else None


def _title(arm: ArmResult, refined: int) -> str:
    """Words for an arm's masks, `refined` arms having refined ones."""
    if arm.arm.pseudo == "confident":
        return f"{arm.arm.title}, without points"
    return "refined" if refined == 1 else arm.arm.title


def _everything(rows: pd.DataFrame) -> pd.Series:
    return rows["area"] >= 0


def _lines() -> list[Line]:
    lines = [Line("all points", {}, _everything)]
    for touching, near in TOUCHING.items():
        word = "touch one of their class" if touching == "touching" else "stand apart"
        lines.append(Line(f"objects that {word}", {"touching": touching}, near))
        for size, sized in SIZES.items():
            both: Part = lambda rows, near=near, sized=sized: near(rows) & sized(rows)  # noqa: E731
            lines.append(Line(f"{size}, {'touching' if touching == 'touching' else 'apart'}",
                              {"touching": touching, "size": size}, both))  # fmt: skip
    return lines


def _mean_iou(column: Column, part: Part) -> float | None:
    """Mean over seeds of the mean IoU of a part of the points."""
    values = [table.loc[part(table), column.kind].mean() for table in column.tables]
    defined = [float(value) for value in values if value == value]
    return mean(defined) if defined else None


def _above(column: Column, part: Part, bound: float) -> float | None:
    shares = [(table.loc[part(table), column.kind].dropna() >= bound).mean() for table in column.tables]
    defined = [float(share) for share in shares if share == share]
    return mean(defined) if defined else None


def _table(columns: Sequence[Column], group: Group, address: Address) -> Table:
    lines = []
    for line in _lines():
        points = [sum(int(line.part(table).sum()) for table in column.tables) for column in columns]
        if not any(points):
            continue
        kinds = ("" if column is columns[0] else "main" for column in columns)
        ious = [Cell(words.number(_mean_iou(c, line.part), 3), kind=k) for c, k in zip(columns, kinds, strict=True)]
        above = [words.percent(_above(c, line.part, bound)) for bound in BOUNDS.values() for c in columns]
        told = " / ".join(map(words.count, dict.fromkeys(points)))
        lines.append((Cell(line.title, href=address(line.query)), told, *ious, *above))
    head = ("part of the points", "points, all seeds", *(f"mean IoU, {c.title}" for c in columns),
            *(f"IoU ≥ {str(bound).lstrip('0')}, {c.title}" for bound in BOUNDS.values()
              for c in columns))  # fmt: skip
    caption = (
        f"Pseudo masks of {group.name} against hidden truth, before and after refinement; small: under 32 × 32 px,"
        " large: over 96 × 96 px; a point without a mask counts as 0"
    )
    rough = {_mean_iou(own, _everything) for own in (columns[0], *map(_own_rough, columns[1:])) if own is not None}
    if len(rough) > 1:
        caption += "; rough masks are those of the first round"
    if any(len(column.tables[0]) != len(columns[0].tables[0]) for column in columns):
        caption += "; columns are not all of the same objects: where two numbers of points stand, they differ in them"
    return make_table(f"masks-{group.key}", caption, head, lines)


def _label_table(group: Group, address: Address) -> Table:
    """Pseudo masks as labels: right ones among them, objects found, points left without."""
    arms = _measured(group)
    counts = {arm.arm.name: [_counts(path) for path in _files(arm)] for arm in arms}
    lines: list[tuple[str | Cell, ...]] = []
    for key, title in AS_LABELS.items():
        cells = (words.percent(_mean_of(counts[arm.arm.name], f"{key}_pseudo")) for arm in arms)
        lines.append((title, *cells))
    for key, title in STATUSES.items():
        values = [_mean_of(counts[arm.arm.name], key) for arm in arms]
        shown = address({"status": key}) if any(values) else None
        lines.append((Cell(title, href=shown), *(words.number(value, 0) for value in values)))
    caption = f"Pseudo masks of {group.name} as labels, {words.seeds_note(group.seeds)}"
    return make_table(f"labels-{group.key}", caption, ("as labels", *(arm.arm.title for arm in arms)), lines)


def _counts(table: Path) -> Mapping[str, float]:
    return read_manifest(table.with_name(f"{table.name}.manifest.json"))["counts"]


def _mean_of(counts: Sequence[Mapping[str, float]], key: str) -> float | None:
    values = [one[key] for one in counts if key in one]
    return mean(values) if values else None


def _size_picture(columns: Sequence[Column], group: Group, address: Address) -> Picture:
    """Mean IoU of every kind of masks, by size, touching objects apart; each row a link to its points."""
    parts = [line for line in _lines() if any(line.part(table).any() for table in columns[0].tables)]
    dots = [
        (line.title, [(c.arm, c.title, value) for c in columns if (value := _mean_iou(c, line.part)) is not None])
        for line in parts
    ]
    hrefs = [(line, address(line.query)) for line in parts]
    links = [None if href is None else Link(href, f"Instances: {line.title}") for line, href in hrefs]
    told = "; ".join(f"{what}: " + ", ".join(f"{title} {value:.2f}" for _, title, value in own) for what, own in dots)
    seeds = words.seeds_note(group.seeds)
    return Picture(
        figures.parts_figure(dots, f"sizes-{group.key}", links),
        f"Mean IoU of pseudo masks with hidden truth. {told}.",
        f"Mean IoU with hidden masks, by size of the object, {seeds}; small: under 32 × 32 px, large: over 96 × 96.",
    )


def _iou_picture(rough: Column, made: Column, group: Group, links: Mapping[tuple[float, float], Link]) -> Picture:
    """Histograms of rough and other IoU, all seeds together."""
    ious = [pd.concat([table[c.kind].dropna() for table in c.tables]) for c in (rough, made)]
    means = [f"{values.mean():.2f}" if len(values) else "undefined" for values in ious]
    alt = f"IoU with the hidden mask of {len(ious[1])} points: on average {means[0]} rough and {means[1]} {made.title}."
    caption = f"IoU of pseudo masks ({made.title}) with hidden truth, all seeds. A point without a mask counts as 0."
    name = f"iou-{made.arm}-{group.key}"
    svg = figures.iou_figure(list(ious[0]), list(ious[1]), made.title, made.arm, name, links)
    return Picture(svg, alt, caption)
