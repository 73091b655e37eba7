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
        twice: labels that repeat an earlier one, as far as it was looked for.
    """

    file: str
    classes: Counter[int] = field(default_factory=Counter)
    twice: list[Twice] = field(default_factory=list)
    _seen: dict[int, int] = field(default_factory=dict, repr=False)

    def add(self, one: Mapping[str, Any]) -> None:
        """Count a mask or a click, in any form that COCO has, and look whether it repeats an earlier one."""
        if one.get("iscrowd"):
            return
        self.classes[one["category_id"]] += 1
        label = repr(one.get("segmentation") or one.get("point"))
        key = hash((one["image_id"], one["category_id"], label))  # Of COCO's masks, a number each can be kept.
        first = self._seen.setdefault(key, one["id"])
        if first != one["id"]:
            self.twice.append(Twice(one["image_id"], first, one["id"]))


def counted(file: str, annotations: Iterable[Mapping[str, Any]]) -> Counted:
    """The labels of a file, by class and for repetitions; the annotations are gone through once."""
    found = Counted(file)
    for one in annotations:
        found.add(one)
    return found


def counted_by_class(file: str, annotations: Iterable[Mapping[str, Any]]) -> Counted:
    """The labels of a file by class alone: of a part of what was looked at for repetitions already."""
    return Counted(file, Counter(one["category_id"] for one in annotations if not one.get("iscrowd")))
