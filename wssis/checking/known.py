"""What warnings are made from: the images that were looked at, and the labels that were counted."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wssis.config.stages import DataWarningsSettings
from wssis.formats.image_facts import ImageFacts
from wssis.formats.images_table import ImageRow


@dataclass(frozen=True)
class Looked:
    """The images that were looked at: `rows` and `facts` in the same order."""

    rows: Sequence[ImageRow]
    facts: Sequence[ImageFacts]


@dataclass(frozen=True)
class Labelling:
    """Which training images have masks in one run, and how many.

    Attributes:
        name: of the run, such as 10pct/s0/base; empty where there is but one way to label.
        file: where its masks are.
        masks: category id -> number of masks, crowd excluded; classes without any may be missing.
        kinds: (part, image id) -> full, point or unlabelled, of the training images.
    """

    name: str
    file: str
    masks: Mapping[int, int]
    kinds: Mapping[tuple[str, int], str]


@dataclass(frozen=True)
class Evaluated:
    """The validation images.

    Attributes:
        file: where their masks are.
        images: how many there are.
        masks: category id -> number of masks, crowd excluded; classes without any may be missing.
        objects: image id -> number of masks, crowd excluded; images without any may be missing.
    """

    file: str
    images: int
    masks: Mapping[int, int]
    objects: Mapping[int, int]


@dataclass(frozen=True)
class Known:
    """All that warnings are made from; None for what is not known.

    Attributes:
        settings: of the study.
    """

    looked: Looked
    categories: Sequence[Mapping[str, Any]] = ()
    labellings: Sequence[Labelling] = ()
    val: Evaluated | None = None
    settings: DataWarningsSettings | None = None


def count_masks(annotations: Iterable[Mapping[str, Any]]) -> Counter[int]:
    """Category id -> number of annotations, crowd excluded."""
    return Counter(one["category_id"] for one in annotations if not one.get("iscrowd"))


def evaluated(file: str, images: int, annotations: Iterable[Mapping[str, Any]]) -> Evaluated:
    """The validation images of a file with so many images and these annotations, which are gone through once."""
    masks: Counter[int] = Counter()
    objects: Counter[int] = Counter()
    for one in annotations:
        if not one.get("iscrowd"):
            masks[one["category_id"]] += 1
            objects[one["image_id"]] += 1
    return Evaluated(file, images, masks, objects)
