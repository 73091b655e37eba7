"""What an audit needs to know of a COCO file, gathered as a stream: ids, and what is wrong with single annotations.

Legend: A annotations. Nothing else of an annotation stays in memory.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wssis.audit.annotation_columns import NONE, AnnotationColumns
from wssis.audit.annotation_forms import EXTRAS, annotation_problem
from wssis.audit.mask_facts import mask_problems
from wssis.formats.coco_stream import LISTS, items_of

Integers = NDArray[np.int64]
BLOCK, PART = 4096, 64
"""Annotations that are looked at together; and where one of them is none."""
MALFORMED = (KeyError, TypeError, ValueError, OverflowError, AttributeError)
"""What an annotation raises that is none."""
IMAGE_KEYS = {"id", "file_name", "width", "height", "license", "coco_url", "flickr_url", "date_captured"}
"""COCO's own."""
WEAK_IMAGE_KEYS = {"id", "file_name", "width", "height"}
PAID_FOR = ("weak", "boxes", "unlabelled")
"""Kinds of files without masks, which hold nothing but COCO's three lists."""
MADE = ("proposals", "pseudo")
"""Kinds of files whose masks the workflow made, as compressed RLEs with their area and box."""
KEPT_PROBLEMS = 20
"""Problems of single annotations that are kept in words; the rest is counted."""


@dataclass
class CocoFacts:
    """Facts of one file.

    Attributes:
        images: id -> (width, height), px.
        categories: id -> name, in file order.
        groups: key -> image id -> its value as text, of the keys that are not COCO's own (split.group_key).
        id, image_id, category_id: (A,).
        mask: (A,), fingerprint of the segmentation; 0 where there is none.
        crowd, masked, pseudo: bool (A,): iscrowd; has a segmentation; source is "pseudo".
        point_id: (A,), NONE where there is none.
        point: float64 (A, 2), [x, y] in px of the image; 0, 0 where there is none.
        score: (A,), NaN where there is none.
        outcomes: how often each outcome occurs.
        extras: how many annotations have each of EXTRAS.
        labels: how many labelled points in boxes have each label, 0 or 1.
        problems: what is wrong with single items, in words; `more` such are not listed.
    """

    images: dict[int, tuple[int, int]] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    groups: dict[str, dict[int, str]] = field(default_factory=dict)
    id: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    image_id: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    category_id: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    point_id: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    mask: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    crowd: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    masked: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    pseudo: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    point: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    score: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    outcomes: Counter[str] = field(default_factory=Counter)
    extras: Counter[str] = field(default_factory=Counter)
    labels: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    more: int = 0

    def problem(self, text: str) -> None:
        """Note what is wrong with one item."""
        if len(self.problems) < KEPT_PROBLEMS:
            self.problems.append(text)
        else:
            self.more += 1

    def add_problems(self, texts: Iterable[str]) -> None:
        """Note several."""
        for text in texts:
            self.problem(text)


def groups_in(facts: CocoFacts, settings: Mapping[str, Any]) -> Mapping[int, str] | None:
    """What stays in one fold by a stage's settings; None: every image goes by itself.

    Raises:
        KeyError: no image has the key.
    """
    key = settings.get("group_key")
    return None if key is None else facts.groups[key]


def kind_of(rest: str) -> str | None:
    """Which COCO file of a study lies at a place below the run, the arm or the data set; None for another file.

    >>> kind_of("weak.json"), kind_of("pseudo/wssis.json"), kind_of("teacher/scores.json")
    ('weak', 'pseudo', None)
    """
    plain = {"train.json": "train", "val.json": "truth", "full.json": "truth", "weak.json": "weak"}
    plain["box_points.json"] = "boxes"
    if rest in ("proposals/full.json", "proposals/weak.json"):
        return "proposals"
    if rest.startswith("pseudo/") and rest.endswith(".json"):
        return "pseudo"
    return "unlabelled" if rest == "unlabelled.json" else plain.get(rest)


def coco_facts(path: Path, kind: str) -> CocoFacts:
    """Facts of a COCO file of a study, read as a stream.

    kind: of `kind_of`; decides what an annotation must and may hold.

    Raises:
        InputError: it is no COCO file.
    """
    facts, columns = CocoFacts(), AnnotationColumns()
    frame: dict[str, list[dict[str, Any]]] = {"images": [], "categories": []}
    more: set[str] = set()
    block: list[dict[str, Any]] = []
    for key, item in items_of(path):
        if key == "annotations":
            block.append(item)
            if len(block) == BLOCK:
                _gather(facts, columns, block, kind)
                block = []
        elif key in frame:
            frame[key].append(item)
        else:
            more.add(key)
    _gather(facts, columns, block, kind)
    of_annotations, facts.problems = facts.problems, []
    _add_frame(facts, frame, kind)
    if kind in PAID_FOR and more:
        facts.problem(f"holds {', '.join(sorted(more))}, too; it may hold {', '.join(LISTS)} alone")
    facts.problems += of_annotations  # Behind those of the file: of these there may be thousands.
    for name in ("id", "image_id", "category_id", "point_id", "mask", "score"):
        setattr(facts, name, columns[name])
    for name in ("crowd", "masked", "pseudo"):
        setattr(facts, name, columns[name].astype(bool))
    facts.point = np.stack([columns["x"], columns["y"]], axis=1)
    facts.add_problems(_against_images(facts, columns))
    return facts


def _gather(facts: CocoFacts, columns: AnnotationColumns, items: Sequence[Mapping[str, Any]], kind: str) -> None:
    """Add a block of annotations to the facts; one without its numbers is searched for, and becomes a problem."""
    try:
        columns.extend(items)
    except MALFORMED as error:
        if len(items) == 1:
            facts.problem(f"an annotation is no annotation ({error!r})")
            return
        size = PART if len(items) > PART else 1
        for first in range(0, len(items), size):
            _gather(facts, columns, items[first : first + size], kind)
        return
    made = [item for item in items if _is_sound(facts, item, kind) and _is_made(item, kind)]
    facts.add_problems(mask_problems(made, may_be_empty=kind == "proposals"))


def _is_sound(facts: CocoFacts, item: Mapping[str, Any], kind: str) -> bool:
    """Count what an annotation is, and note what is wrong with it by itself; whether nothing is."""
    try:
        if "outcome" in item:
            facts.outcomes[item["outcome"]] += 1
        for name in EXTRAS:
            if name in item:
                facts.extras[name] += 1
        if "point_labels" in item:
            facts.labels.update(item["point_labels"])
        what = annotation_problem(item, kind)
    except MALFORMED as error:
        what = f"is no annotation ({error!r})"
    if what:
        facts.problem(f"annotation {item['id']} {what}")
    return what is None


def _is_made(item: Mapping[str, Any], kind: str) -> bool:
    """Whether the workflow made the mask of an annotation."""
    return kind in MADE and item.get("source") != "full" and bool(item["segmentation"])


def _add_frame(facts: CocoFacts, frame: Mapping[str, Any], kind: str) -> None:
    """Images and categories."""
    try:
        facts.categories = {item["id"]: item["name"] for item in frame["categories"]}
        for item in frame["images"]:
            facts.images[item["id"]] = (item["width"], item["height"])
            for key in item.keys() - IMAGE_KEYS:
                facts.groups.setdefault(key, {})[item["id"]] = str(item[key])
            if kind in ("weak", "boxes") and not item.keys() <= WEAK_IMAGE_KEYS:
                facts.problem(f"image {item['id']} holds {', '.join(sorted(item.keys() - WEAK_IMAGE_KEYS))}, too")
    except (KeyError, TypeError) as error:
        facts.problem(f"an image or category is none ({error!r})")
    if len(facts.images) != len(frame["images"]):
        facts.problem("an image id occurs more than once")


def _against_images(facts: CocoFacts, columns: AnnotationColumns) -> Iterator[str]:
    """Annotations of no image or category, RLEs of another size, points outside their image, ids that occur twice."""
    known = np.isin(facts.image_id, np.array([*facts.images], np.int64))
    for place in np.flatnonzero(~known):
        yield f"annotation {facts.id[place]}: image {facts.image_id[place]} is not in the file"
    for place in np.flatnonzero(~np.isin(facts.category_id, np.array([*facts.categories], np.int64))):
        yield f"annotation {facts.id[place]}: category {facts.category_id[place]} is not in the file"
    ids, times = np.unique(facts.id, return_counts=True)
    for number in ids[times > 1]:
        yield f"annotation id {number} occurs more than once"
    frames = frames_of(facts)
    height, width = columns["height"], columns["width"]
    for place in np.flatnonzero((height != NONE) & ((height != frames[:, 1]) | (width != frames[:, 0])) & known):
        yield f"annotation {facts.id[place]}: its RLE has another size than its image"
    for place in np.flatnonzero(outside(facts.point, frames) & known):
        x, y = facts.point[place]
        yield f"annotation {facts.id[place]}: its point ({x:g}, {y:g}) is outside of its image"


def outside(points: NDArray[np.float64], frames: Integers) -> NDArray[np.bool_]:
    """Which of the points (N, 2), [x, y] in pixel indices, are not in images of these widths and heights (N, 2)."""
    return ~((points >= -0.5) & (points < frames - 0.5)).all(axis=1)


def frames_of(facts: CocoFacts) -> Integers:
    """Width and height (A, 2) of every annotation's image; 1 where the image is unknown."""
    known = np.isin(facts.image_id, np.array([*facts.images], np.int64))
    frames = np.ones((len(facts.id), 2), np.int64)
    ids = np.array(sorted(facts.images), np.int64)
    if ids.size:
        sizes = np.array([facts.images[number] for number in ids.tolist()], np.int64)
        frames[known] = sizes[np.searchsorted(ids, facts.image_id[known])]
    return frames
