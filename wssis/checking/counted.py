"""Labels counted by class, and those that repeat another one: the same object, labelled twice."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Twice(NamedTuple):
    """Two labels of one class on one image with the same mask, or the same click: their image and their ids."""

    image_id: int
    first: int
    second: int


@dataclass
class Counted:
    """The labels of one file, crowd excluded.

    Attributes:
        file: where they are.
        classes: category id -> number of labels; classes without any may be missing.
        twice: labels that repeat an earlier one.
    """

    file: str
    classes: Counter[int] = field(default_factory=Counter)
    twice: list[Twice] = field(default_factory=list)


def counted(file: str, annotations: Iterable[Mapping[str, Any]]) -> Counted:
    """Count the masks or clicks of a file, in any form that COCO has; the annotations are gone through once."""
    found = Counted(file)
    seen: dict[int, int] = {}
    for one in annotations:
        if one.get("iscrowd"):
            continue
        found.classes[one["category_id"]] += 1
        label = repr(one.get("segmentation") or one.get("point"))
        key = hash((one["image_id"], one["category_id"], label))  # Of COCO's masks, a number each can be kept.
        first = seen.setdefault(key, one["id"])
        if first != one["id"]:
            found.twice.append(Twice(one["image_id"], first, one["id"]))
    return found
