"""What an audit needs to know of a COCO file, gathered as a stream: ids, and what is wrong with single annotations.

Legend: A annotations. Nothing else of an annotation stays in memory.
"""

import json
import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wssis.audit.mask_facts import CompressedMasks, fingerprint
from wssis.formats.box_points import KEYS
from wssis.formats.coco_stream import LISTS, annotations_of, read_frame

Integers = NDArray[np.int64]
NONE = -1
KEPT_PROBLEMS = 20
"""Problems of single annotations that are kept in words; the rest is counted."""
WEAK_KEYS = {"id", "image_id", "category_id", "point"}
"""All that an annotation of weak.json may hold: no mask, no box, no area."""
BOX_KEYS = set(KEYS)
"""All that an annotation of box_points.json may hold: a box and points, but no mask and no area."""
IMAGE_KEYS = {"id", "file_name", "width", "height", "license", "coco_url", "flickr_url", "date_captured"}
"""COCO's own."""
WEAK_IMAGE_KEYS = {"id", "file_name", "width", "height"}
COLUMNS = ("id", "image_id", "category_id", "point_id", "height", "width", "crowd", "masked", "pseudo", "mask")
"""Whole numbers that are kept of an annotation; height and width are those of its RLE."""
PAID_FOR = ("weak", "boxes", "unlabelled")
"""Kinds of files without masks, which hold nothing but COCO's three lists."""
MADE = ("proposals", "pseudo")
"""Kinds of files whose masks the workflow made, as compressed RLEs with their area and box."""
NOTHING: frozenset[str] = frozenset()
PSEUDO_KEYS = {"outcome", "score", "point", "point_id"}
CONFIDENT = "confident"
"""Outcome of a label that comes without a point."""
CONFIDENT_KEYS = {"outcome", "score", "segmentation"}
POINT_KEYS = {"point", "point_id"}
EXTRAS = ("soft", "uncertain")
"""Further masks of an annotation: a proposal's soft levels, and the band of which the refiner was not sure."""
PROPOSAL_KEYS = {"point_id", "point", "score", "predictor", "status"}


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
    facts = CocoFacts()
    whole, points, scores = array("q"), array("d"), array("d")
    made = CompressedMasks(may_be_empty=kind == "proposals")
    _add_frame(facts, read_frame(path), kind)
    if kind in PAID_FOR and (more := _keys(path) - set(LISTS)):
        facts.problem(f"holds {', '.join(sorted(more))}, too; it may hold {', '.join(LISTS)} alone")
    for item in annotations_of(path):
        try:
            numbers, point, score = _numbers(item)
            whole.extend(numbers)
            points.extend(point)
            scores.append(score)
            if "outcome" in item:
                facts.outcomes[item["outcome"]] += 1
            facts.extras.update(name for name in EXTRAS if name in item)
            facts.labels.update(item.get("point_labels", ()))
            if problem := _problem(item, kind):
                facts.problem(f"annotation {item['id']} {problem}")
            elif kind in MADE and item.get("source") != "full" and item["segmentation"]:
                facts.add_problems(made.add(item))
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            facts.problem(f"an annotation is no annotation ({error!r})")
    columns = dict(zip(COLUMNS, np.array(whole, np.int64).reshape(-1, len(COLUMNS)).T, strict=True))
    for name in ("id", "image_id", "category_id", "point_id", "mask"):
        setattr(facts, name, columns[name].copy())
    for name in ("crowd", "masked", "pseudo"):
        setattr(facts, name, columns[name].astype(bool))
    facts.score = np.array(scores)
    facts.point = np.array(points).reshape(-1, 2)
    facts.add_problems(made.problems())
    facts.add_problems(_against_images(facts, columns))
    return facts


def _keys(path: Path) -> set[str]:
    """Keys of a JSON file's object, read without keeping what they hold."""
    with path.open("rb") as stream:
        return set(json.load(stream, object_pairs_hook=lambda pairs: [key for key, _ in pairs]))


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


def _numbers(item: Mapping[str, Any]) -> tuple[Sequence[int], tuple[float, float], float]:
    """One annotation as the numbers of COLUMNS, its point (0, 0 where it has none) and score (NaN where it has none).

    Raises:
        KeyError, TypeError, ValueError, OverflowError: a number is missing, is none, or does not fit into 64 bits.
    """
    segmentation, point = item.get("segmentation"), item.get("point")
    height, width = segmentation["size"] if type(segmentation) is dict else (NONE, NONE)
    x, y = point if point is not None else (0.0, 0.0)
    numbers = (
        item["id"], item["image_id"], item["category_id"], item.get("point_id", NONE), height, width,
        item.get("iscrowd", 0), bool(segmentation), item.get("source") == "pseudo", fingerprint(segmentation),
    )  # fmt: skip
    score = item.get("score")
    return array("q", map(index, numbers)), (float(x), float(y)), math.nan if score is None else float(score)


def _problem(item: Mapping[str, Any], kind: str) -> str | None:
    """What is wrong with one annotation by itself."""
    keys = item.keys()
    if kind == "weak":
        if keys == WEAK_KEYS:
            return None
        return f"holds {', '.join(sorted(keys))}; in weak.json it may hold {', '.join(sorted(WEAK_KEYS))} alone"
    if kind == "boxes":
        return _box_problem(item)
    if kind == "train" and keys == WEAK_KEYS:  # A click of half-labelled data.
        return None
    if kind == "unlabelled":
        return "is on an image that nobody looked at"
    source = item.get("source")
    pseudo = kind == "pseudo" and source == "pseudo"
    confident = pseudo and item.get("outcome") == CONFIDENT
    pointed = PSEUDO_KEYS if pseudo else PROPOSAL_KEYS if kind == "proposals" else NOTHING
    needed = CONFIDENT_KEYS if confident else pointed
    if not needed <= keys:
        return f"lacks {', '.join(sorted(needed - keys))}"
    if confident and keys & POINT_KEYS:
        return f"is a label that comes without a point, but holds {', '.join(sorted(keys & POINT_KEYS))}"
    if kind == "pseudo" and source not in ("full", "pseudo"):
        return f"has source {source!r}, neither full nor pseudo"
    if not item.get("segmentation"):
        return None if pseudo and not confident else "has no segmentation"
    if problem := _extra_problem(item):
        return problem
    box = item.get("bbox")
    if type(box) is not list or len(box) != 4 or not math.isfinite(math.fsum(box)):
        return f"has bbox {box!r}, not four finite numbers"
    return None


def _box_problem(item: Mapping[str, Any]) -> str | None:
    """What is wrong with a box and its points; or that it holds more than these."""
    if item.keys() != BOX_KEYS:
        keys, legal = (", ".join(sorted(keys)) for keys in (item.keys(), BOX_KEYS))
        return f"holds {keys}; in box_points.json it may hold {legal} alone"
    coords, labels = item["point_coords"], item["point_labels"]
    if len(coords) != len(labels) or not set(labels) <= {0, 1}:
        return f"has {len(coords)} points and the labels {labels!r}; each point needs one, 0 or 1"
    x, y, width, height = item["bbox"]
    outside = [p for p in coords if not (-1 <= p[0] - x <= width + 1 and -1 <= p[1] - y <= height + 1)]
    return f"has points outside of its box, such as {outside[0]}" if outside else None


def _extra_problem(item: Mapping[str, Any]) -> str | None:
    """Further masks of another size than the mask itself."""
    for name in EXTRAS:
        masks = item.get(name, ())
        for one in [masks] if isinstance(masks, Mapping) else masks:
            if one["size"] != item["segmentation"]["size"]:
                return f"has a mask in {name} of another size than its segmentation"
    return None


def _against_images(facts: CocoFacts, columns: Mapping[str, Integers]) -> Iterator[str]:
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
