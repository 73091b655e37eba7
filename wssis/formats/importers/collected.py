"""What a reader of foreign labels hands over, checked as it comes in: images, points, masks, and what was refused.

A point is (x, y) in pixel indices: (0, 0) is the centre of the top-left pixel, x in [-.5, W - .5). A segmentation is
in one of COCO's three forms; polygons have pixel corners at integers.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wssis.errors import InputError
from wssis.formats.coco_check import annotation_problems, bad_file_name
from wssis.formats.importers.image_sizes import ImageSizes
from wssis.formats.points import off_the_edge


@dataclass(frozen=True)
class Place:
    """Where a label stands: its file, and what it is called there ("annotation 5", "line 7")."""

    file: Path
    identity: str


@dataclass(frozen=True)
class Refusal:
    """One item that was not taken: `kind` groups the like, `reason` is in full, with the remedy."""

    place: Place
    kind: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place.file}: {self.place.identity}: {self.reason}"


@dataclass
class LabelledImage:
    """One image; `complete` is False once a label of it was refused."""

    name: str
    width: int
    height: int
    number: int | None
    complete: bool = True


@dataclass(frozen=True)
class Label:
    """One sound label. `values` are the keys of its annotation beside id, image_id and category_id."""

    image: LabelledImage
    category: str
    number: int | None
    values: dict[str, Any]


@dataclass(frozen=True)
class Categories:
    """Category id -> name, in the order of the file that lists them; `source` is named in messages."""

    names: dict[int, str]
    source: Path

    @classmethod
    def listed(cls, items: Sequence[Any], source: Path) -> "Categories":
        """Those of a COCO file's list.

        Raises:
            InputError: an id is no integer, a name is missing, or one of them comes twice.
        """
        names: dict[int, str] = {}
        for item in items:
            identity, name = (item.get("id"), item.get("name")) if isinstance(item, dict) else (None, None)
            if type(identity) is not int or not isinstance(name, str) or not name:
                raise InputError(f"{source}: category {identity!r}, {name!r}: needs an integer id and a name; correct")
            if identity in names or name in names.values():
                raise InputError(f"{source}: category {identity}, {name!r}: id or name occurs twice; keep one of them")
            names[identity] = name
        return cls(names, source)


def ignored_labels(category: str) -> str:
    """Why labels of a class were passed over."""
    return f"labels of class {category!r} (--ignore)"


@dataclass
class Collected:
    """Labels as a reader adds them. Nothing raises for a single bad item: it is refused, with file, id and remedy.

    Attributes:
        sizes: the images' own sizes, where there is an image folder.
        categories: the only ones that may occur; None: whatever occurs. A reader may declare its file's.
        ignored: classes whose labels are passed over.
        elsewhere: file names of images that are passed over with their labels, since another file has them.
        listed: those that the file itself lists, where it does.
        passed_over: reason -> number of things that hold no label and were left out, such as unlabelled tasks.
    """

    sizes: ImageSizes
    categories: Categories | None = None
    ignored: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    labels: list[Label] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    listed: Categories | None = None
    passed_over: Counter[str] = field(default_factory=Counter)
    _images: dict[str, LabelledImage] = field(default_factory=dict)
    _numbers: dict[str, set[int]] = field(default_factory=lambda: {"image": set(), "annotation": set()})

    @property
    def images(self) -> list[LabelledImage]:
        """Images in the order in which they came."""
        return list(self._images.values())

    def declare(self, categories: Categories) -> None:
        """The file's own categories; they count unless the user has given others."""
        self.listed = categories
        self.categories = self.categories or categories

    def refuse(self, place: Place, kind: str, reason: str, image: LabelledImage | None = None) -> None:
        """Take note of an item that is not taken; its image then lacks a label."""
        self.refusals.append(Refusal(place, kind, reason))
        if image is not None:
            image.complete = False

    def add_image(
        self, place: Place, name: object, width: object = None, height: object = None, number: object = None
    ) -> LabelledImage | None:
        """Take an image; None where it is refused or passed over: then its labels cannot be taken either.

        Args:
            name: file name, relative to the image folder.
            width, height: px, as the labels' file has them; None where it does not say.
            number: the id to keep; None to number the images as they come.
        """
        if reason := bad_file_name(name):
            return self._no_image(place, "file name", str(reason))
        if name in self.elsewhere:
            self.passed_over["images that --without names"] += 1
            return None
        if name in self._images:
            self._images[str(name)].complete = False
            reason = f"{name} is labelled a second time; keep or make one list of its labels"
            return self._no_image(place, "labelled twice", reason)
        given = None if width is None and height is None else (width, height)
        if given and not all(type(side) is int and side > 0 for side in given):
            sides = f"width {width!r}, height {height!r}"
            return self._no_image(place, "size", f"{name}: {sides} must be positive integers; correct them")
        try:
            size = self.sizes.agreed(str(name), given)
        except InputError as error:
            return self._no_image(place, "image file", str(error))
        if not self._number_is_free(place, "image", number, None):
            return None
        image = LabelledImage(str(name), *size, number)
        self._images[image.name] = image
        return image

    def add_point(
        self, image: LabelledImage, place: Place, category: object, x: float, y: float, number: object = None
    ) -> None:
        """Take a point: x, y in pixel indices; on the right or lower edge of the image it counts to the last pixel."""
        if self._is_ignored(category):
            return
        x, y = off_the_edge(x, image.width), off_the_edge(y, image.height)
        if not (math.isfinite(x) and math.isfinite(y)):
            reason = f"point ({x}, {y}) on {image.name} is not two finite numbers; set it again or remove it"
            self.refuse(place, "no finite number", reason, image)
        elif not (-0.5 <= x < image.width - 0.5 and -0.5 <= y < image.height - 0.5):
            reason = (
                f"point ({x:g}, {y:g}), in pixel indices, lies outside {image.name} of {image.width} x {image.height};"
                " move it, or correct the image's size"
            )
            self.refuse(place, "outside its image", reason, image)
        elif self._is_known(image, place, category) and self._number_is_free(place, "annotation", number, image):
            self.labels.append(Label(image, str(category), number, {"point": [x, y]}))

    def add_mask(
        self,
        image: LabelledImage,
        place: Place,
        category: object,
        segmentation: object,
        *,
        iscrowd: object = 0,
        given: Mapping[str, Any] | None = None,
        number: object = None,
    ) -> None:
        """Take a mask.

        Args:
            given: bbox and area, where the file has them; otherwise they come from the mask.
        """
        if self._is_ignored(category):
            return
        values = {"segmentation": segmentation, **(given or {}), "iscrowd": iscrowd}
        frame = {"width": image.width, "height": image.height}
        problems = list(annotation_problems({**values, "id": 0, "category_id": 0}, frame, (0,), "refuse"))
        if problems:
            self.refuse(place, "unsound mask", f"on {image.name}: {'; '.join(map(str, problems))}", image)
        elif self._is_known(image, place, category) and self._number_is_free(place, "annotation", number, image):
            self.labels.append(Label(image, str(category), number, values))

    def _no_image(self, place: Place, kind: str, reason: str) -> None:
        self.refuse(place, kind, reason)

    def _is_ignored(self, category: object) -> bool:
        """Whether labels of this class are passed over; they are counted."""
        if not isinstance(category, str) or category not in self.ignored:
            return False
        self.passed_over[ignored_labels(category)] += 1
        return True

    def _is_known(self, image: LabelledImage, place: Place, category: object) -> bool:
        if not isinstance(category, str) or not category:
            self.refuse(place, "without a label", f"label {category!r} on {image.name} is no name; give it one", image)
            return False
        if self.categories is not None and category not in self.categories.names.values():
            known = ", ".join(self.categories.names.values())
            reason = f"unknown label {category!r} on {image.name}: {self.categories.source} has {known}; correct either"
            self.refuse(place, "unknown label", reason, image)
            return False
        return True

    def _number_is_free(self, place: Place, kind: str, number: object, image: LabelledImage | None) -> bool:
        if number is None:
            return True
        if type(number) is not int:
            self.refuse(place, "id", f"the id {number!r} must be an integer; renumber", image)
            return False
        if number in self._numbers[kind]:
            self.refuse(place, "id", f"the id {number} occurs more than once; keep one of them or renumber", image)
            return False
        self._numbers[kind].add(number)
        return True
