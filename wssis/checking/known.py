"""What warnings are made from: the images that were looked at, and the labels that were counted."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from wssis.config.stages import DataWarningsSettings
from wssis.formats.image_facts import ImageFacts
from wssis.formats.images_table import ImageRow
from wssis.formats.remark import Remark


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
        kinds: (part, image id) -> full, point, points10 or unlabelled, of the training images.
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
        images: image id -> (width, height), px, of every image.
        masks: category id -> number of masks, crowd excluded; classes without any may be missing.
        sides: image id -> sqrt(width x height), px, of every object's box, crowd excluded; images without any may be
            missing.
    """

    file: str
    images: Mapping[int, tuple[int, int]]
    masks: Mapping[int, int]
    sides: Mapping[int, Sequence[float]]


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


@dataclass(frozen=True)
class Use:
    """What a study makes of sound contents.

    Attributes:
        labellings: which images have masks in which run.
        problems: of the runs for which this cannot be said.
        val: the validation images, where they are held out of the masked ones.
    """

    labellings: Sequence[Labelling] = ()
    problems: Sequence[Remark] = ()
    val: Evaluated | None = None


def count_masks(annotations: Iterable[Mapping[str, Any]]) -> Counter[int]:
    """Category id -> number of annotations, crowd excluded."""
    return Counter(one["category_id"] for one in annotations if not one.get("iscrowd"))


def evaluated(
    file: str, images: Iterable[Mapping[str, Any]], annotations: Iterable[Mapping[str, Any]]
) -> Evaluated:
    """The validation images of a file with these images and annotations, which are gone through once."""
    frames = {image["id"]: (image["width"], image["height"]) for image in images}
    masks: Counter[int] = Counter()
    sides: defaultdict[int, list[float]] = defaultdict(list)
    for one in annotations:
        if not one.get("iscrowd"):
            masks[one["category_id"]] += 1
            width, height = one["bbox"][2:]
            sides[one["image_id"]].append(sqrt(width * height))
    return Evaluated(file, frames, masks, sides)
