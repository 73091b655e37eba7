"""What warnings are made from: the images that were looked at, and the labels that were counted."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from wssis.checking.counted import Counted
from wssis.config.data_stages import DataWarningsSettings
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
        masks: of the full images.
        kinds: (part, image id) -> full, point, points10 or unlabelled, of the training images.
        clicks: of the weak images; None where they are simulated from hidden masks.
    """

    name: str
    masks: Counted
    kinds: Mapping[tuple[str, int], str]
    clicks: Counted | None = None


@dataclass(frozen=True)
class Evaluated:
    """The validation images.

    Attributes:
        images: image id -> (width, height), px, of every image.
        masks: their objects.
        sides: image id -> sqrt(width x height), px, of every object's box, crowd excluded; images without any may be
            missing.
    """

    images: Mapping[int, tuple[int, int]]
    masks: Counted
    sides: Mapping[int, Sequence[float]]

    @property
    def file(self) -> str:
        """Where their masks are."""
        return self.masks.file


@dataclass(frozen=True)
class Known:
    """All that warnings are made from; None for what is not known.

    Attributes:
        labels: of every file, given or made from what was given.
        settings: of the study.
    """

    looked: Looked
    labels: Sequence[Counted] = ()
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


def evaluated(
    file: str, images: Iterable[Mapping[str, Any]], annotations: Iterable[Mapping[str, Any]]
) -> Evaluated:
    """The validation images of a file with these images and annotations, which are gone through once."""
    frames = {image["id"]: (image["width"], image["height"]) for image in images}
    masks = Counted(file)
    sides: defaultdict[int, list[float]] = defaultdict(list)
    for one in annotations:
        masks.add(one)
        if not one.get("iscrowd"):
            width, height = one["bbox"][2:]
            sides[one["image_id"]].append(sqrt(width * height))
    return Evaluated(frames, masks, sides)
