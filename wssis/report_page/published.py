"""Published results on COCO, to stand beside ours where the data set is COCO.

Source: Kim et al., "The Devil is in the Points", CVPR 2023, mask AP of SOLOv2 with ResNet-101 on test-dev; for methods
without points, the papers named below, ResNet-50.
"""

from collections.abc import Sequence
from pathlib import Path

from wssis.formats.coco import read_coco
from wssis.report_page import words
from wssis.report_page.compare import METHOD
from wssis.report_page.results import ORACLE, Group
from wssis.report_page.tables import Cell, Table, make_table

POINTWSSIS = {1: 24.0, 2: 25.3, 5: 33.7, 10: 35.8, 20: 37.1, 30: 38.0, 40: 38.3, 50: 38.8, 100: 39.7}
WITHOUT_POINTS = {
    "Polite Teacher": {1: 18.3, 2: 22.3, 5: 26.5, 10: 30.1},
    "Guided Distillation": {1: 21.5, 2: 25.3, 5: 29.9, 10: 35.0},
    "S4M": {1: 24.2, 2: 28.1, 5: 32.0, 10: 34.6},
}
COCO_CLASSES = 80
COCO_NAMES = {1: "person", 18: "dog", 90: "toothbrush"}


def is_coco(categories: Sequence[dict]) -> bool:
    """Whether categories are COCO's 80, told by their number and three of their ids and names."""
    names = {category["id"]: category["name"] for category in categories}
    return len(names) == COCO_CLASSES and COCO_NAMES.items() <= names.items()


def published_table(dataset: str, groups: Sequence[Group], val: Path) -> Table | None:
    """The published AP beside ours, by the share of masks; None where the data set is not COCO."""
    if not is_coco(read_coco(val)["categories"]):
        return None
    ours = [(group.full_percent, group.share, _own(group, METHOD)) for group in groups if group.full_percent < 100]
    ours.append((100.0, "100 %", next((ap for group in groups if (ap := _own(group, ORACLE)) is not None), None)))
    shares = {percent for percent, *_ in ours}
    ours += [(float(percent), f"{percent:g} %", None) for percent in POINTWSSIS if percent not in shares]
    others = list(WITHOUT_POINTS)
    lines = []
    for percent, share, ap in sorted(ours, key=lambda line: line[:2]):
        told = [words.number(WITHOUT_POINTS[name].get(percent)) for name in others]
        own = Cell(words.number(ap), kind="main")
        lines.append((share, own, words.number(POINTWSSIS.get(percent)), *told))
    without = [f"{name}, ResNet-50" for name in others]
    head = ("masks on", "this study, validation", "PointWSSIS, test-dev, ResNet-101", *without)
    caption = (
        f"Published mask AP on COCO beside ours ({dataset}): other networks, schedules and images, so no comparison on"
        " equal terms. Sources: Kim et al., CVPR 2023, table of test-dev results; the last three use no points"
    )
    return make_table(f"published-{dataset}", caption, head, lines)


def _own(group: Group, arm: str) -> float | None:
    return group.arms[arm].mean("AP") if arm in group.arms else None
