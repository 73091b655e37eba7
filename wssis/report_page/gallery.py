"""The gallery: weak images with layers to switch on and off, as one file that fetches nothing.

Each image is embedded once, as a JPEG; masks are outlines over it. Hidden masks come from quality/ alone, and only of
the images that the quality stage chose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray
from skimage.measure import approximate_polygon, find_contours

from wssis.errors import InputError
from wssis.formats.coco import decode_mask
from wssis.formats.json_file import read_json
from wssis.geometry.painting import object_colour
from wssis.report_page.compare import METHOD
from wssis.report_page.filters import within
from wssis.report_page.pictures import LEAST_SCORE, MANY, crowding, jpeg_uri, read_image, scaled
from wssis.report_page.plan import PlannedRow
from wssis.report_page.quality import LARGE, SMALL
from wssis.report_page.results import ArmResult, Group

FILE = "gallery.html"
SIDE = 360
"""Longer side of an embedded image, px; smaller images stay as they are."""
LAYERS = {
    "point": "points", "rough": "rough masks", "pseudo": "masks trained on", "student": "student's prediction",
    "truth": "hidden truth",
}  # fmt: skip
STATUSES = {"unmasked": "without a mask", "fallback": "fell back", "masked": "first choice"}
TOLERANCE = 0.5
"""How far an outline may lie off the mask's, in px of the embedded image."""


@dataclass(frozen=True)
class Outline:
    """One object's masks as SVG paths by layer, in image pixels with (0, 0) at the top left corner; may be empty.

    Attributes:
        kind: class. status: key of `STATUSES`. size: small, medium, large. touching: touching, apart.
        iou_rough: None for an arm without proposals. x, y: its point, in the same coordinates.
        score: of its mask in the training set; None where the hidden truth says more. Without truth, touching is empty
            and both IoU are None.
    """

    number: int
    kind: str
    colour: str
    status: str
    size: str
    touching: str
    iou_rough: float | None
    iou_pseudo: float | None
    score: float | None
    x: float
    y: float
    paths: Mapping[str, str]

    @property
    def worth(self) -> float:
        """By what images are put in order: IoU with the hidden mask, or the score where there is none."""
        return self.iou_pseudo if self.iou_pseudo is not None else self.score or 0.0


@dataclass(frozen=True)
class GalleryImage:
    """One weak image: its embedded JPEG, its objects, and the student's predictions (class, score, path)."""

    group: str
    name: str
    why: str
    width: int
    height: int
    uri: str
    alt: str
    objects: tuple[Outline, ...]
    predictions: tuple[tuple[str, float, str], ...]

    @property
    def dot(self) -> float:
        """Radius of its points, px: those of crowded images cover as little of them as those of others."""
        return max(self.width, self.height) / 48 * crowding(len(self.objects))

    @property
    def crowded(self) -> bool:
        """Whether its objects are too many for a list that is always open."""
        return len(self.objects) > MANY

    @property
    def rank(self) -> int:
        """0 with a point without a mask, 1 with one that fell back, 2 otherwise."""
        order = list(STATUSES)
        return min((order.index(one.status) for one in self.objects), default=len(order) - 1)

    @property
    def worst(self) -> float:
        """Lowest IoU of its masks in the training set, or score where there is no truth."""
        return min((one.worth for one in self.objects), default=1.0)


@dataclass(frozen=True)
class GalleryGroup:
    """One group's images, and whose masks they show."""

    key: str
    name: str
    arm: str
    whose: str
    images: tuple[GalleryImage, ...]

    def link(self, query: Mapping[str, str]) -> str | None:
        """Address of the part of the gallery that a query filters to; None where that part is empty.

        query: filters as in the address, and `layers` to begin with.
        """
        found = any(_fits(one, image.name, query) for image in self.images for one in image.objects)
        return f"{FILE}#{urlencode({'group': self.key, **query})}" if found else None

    @property
    def classes(self) -> list[str]:
        """Classes of its objects, sorted."""
        return sorted({one.kind for image in self.images for one in image.objects})


def _fits(one: Outline, image: str, query: Mapping[str, str]) -> bool:
    own = {"image": image, "class": one.kind, "status": one.status, "size": one.size, "touching": one.touching}
    if "iou" in query and not (one.iou_pseudo is not None and within(one.iou_pseudo, query["iou"])):
        return False
    return all(own[key] == value for key, value in query.items() if key in own)


def gallery_arm(group: Group) -> ArmResult | None:
    """Whose masks are shown: the method's, or the last arm's that has any; None without."""
    arms = [arm for arm in group.arms.values() if next(iter(arm.seeds.values())).row.shown_file is not None]
    return next((arm for arm in arms if arm.arm.name == METHOD), arms[-1] if arms else None)


def shown_files(row: PlannedRow) -> tuple[Path, Path]:
    """shown.json of a row that has one, and its student's predictions on the images in it."""
    shown = row.shown_file
    assert shown is not None
    return shown, row.folder("predict_shown") / "quality" / f"{row.arm}.predictions.json"


def layers_of(groups: Sequence[GalleryGroup]) -> dict[str, str]:
    """Layers to switch, by name: the hidden truth only where somebody knows it."""
    known = any(one.paths["truth"] for group in groups for image in group.images for one in image.objects)
    if known or not any(group.images for group in groups):
        return LAYERS
    return {key: title for key, title in LAYERS.items() if key != "truth"}


def gallery_groups(groups: Sequence[Group], image_dirs: Mapping[str, Path], most: int) -> list[GalleryGroup]:
    """The galleries of all groups that have pseudo masks, which share the number of images between them.

    Raises:
        InputError: no image folder for a data set, or an image cannot be read.
    """
    pictured = [(group, arm) for group in groups if (arm := gallery_arm(group)) is not None]
    return [_gallery(group, arm, image_dirs, _part(most, place, len(pictured)))
            for place, (group, arm) in enumerate(pictured)]  # fmt: skip


def _part(number: int, place: int, of: int) -> int:
    """A fair part of a number of images, the first groups taking what is left over.

    >>> [_part(8, place, 3) for place in range(3)]
    [3, 3, 2]
    """
    return number // of + (place < number % of)


def _gallery(group: Group, arm: ArmResult, image_dirs: Mapping[str, Path], most: int) -> GalleryGroup:
    result = next(iter(arm.seeds.values()))
    if group.dataset not in image_dirs:
        raise InputError(f"--image-dir: none for data set {group.dataset}; give {group.dataset}=FOLDER")
    shown, found = map(read_json, shown_files(result.row))
    names = {category["id"]: category["name"] for category in shown["categories"]}
    folder = image_dirs[group.dataset]
    images = [_image(record, found, names, folder, group.key) for record in _spread(shown["images"], most)]
    images.sort(key=lambda image: (image.rank, image.worst))
    return GalleryGroup(group.key, group.name, arm.arm.name, f"{arm.arm.title}, seed {result.row.seed}", tuple(images))


def _spread(records: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """At most so many records: those that the page shows side by side, and others at equal steps of their order, so
    that all reasons for which images were chosen stay."""
    fair = [record for record in records if record["fair"]][:most]
    others, rest = [record for record in records if not record["fair"]], most - len(fair)
    step = max(1.0, len(others) / rest) if rest else 1.0
    return fair + [others[int(place * step)] for place in range(min(rest, len(others)))]


def _image(
    record: Mapping[str, Any],
    found: Sequence[Mapping[str, Any]],
    names: Mapping[int, str],
    folder: Path,
    group: str,
) -> GalleryImage:
    size = record["height"], record["width"]
    picture = read_image(folder / record["file_name"])
    scale = min(1.0, SIDE / max(picture.size))
    tolerance = TOLERANCE / scale
    objects = tuple(
        _outline(number, one, names, size, tolerance) for number, one in enumerate(record["objects"], start=1)
    )
    own = [p for p in found if p["image_id"] == record["id"] and p["score"] >= LEAST_SCORE]
    predictions = [(names[p["category_id"]], p["score"], _path(p["segmentation"], size, tolerance)) for p in own]
    classes = ", ".join(sorted({one.kind for one in objects}))
    alt = f"Image {record['file_name']} with {len(objects)} labelled points: {classes}."
    return GalleryImage(
        group, record["file_name"], record["why"], record["width"], record["height"],
        jpeg_uri(scaled(picture, scale)), alt, objects, tuple(predictions),
    )  # fmt: skip


def _outline(
    number: int, one: Mapping[str, Any], names: Mapping[int, str], size: tuple[int, int], tolerance: float
) -> Outline:
    masked = "fallback" if one["proposal"] == "fallback" else "masked"
    area = one["area"]
    return Outline(
        number=number,
        kind=names[one["category_id"]],
        colour="#{:02x}{:02x}{:02x}".format(*object_colour(number - 1)),
        status=masked if one["status"] == "masked" else "unmasked",
        size="" if area is None else "small" if area < SMALL else "large" if area > LARGE else "medium",
        touching="" if one["touching"] is None else "touching" if one["touching"] else "apart",
        iou_rough=one["iou_rough"],
        iou_pseudo=one["iou_pseudo"],
        score=one.get("score"),
        x=one["point"][0] + 0.5,
        y=one["point"][1] + 0.5,
        paths={kind: _path(one[kind], size, tolerance) for kind in ("rough", "pseudo", "truth")},
    )


def _path(segmentation: Mapping[str, Any] | None, size: tuple[int, int], tolerance: float) -> str:
    """A mask's outline as an SVG path; empty without a mask."""
    if not segmentation:
        return ""
    return outline_path(decode_mask({"id": 0, "segmentation": segmentation}, *size), tolerance)


def outline_path(mask: NDArray[np.bool_], tolerance: float) -> str:
    """SVG path of a mask's outlines, holes included (fill-rule evenodd).

    Args:
        mask: bool (H, W).
        tolerance: how far the path may lie off the outline, px.
    """
    parts = []
    for contour in find_contours(np.pad(mask, 1).astype(np.float32), 0.5):
        # Padding shifts by one pixel, and the centre of pixel 0 lies at .5 here.
        points = approximate_polygon(contour, tolerance)[:-1, ::-1] - 0.5
        if len(points) > 2:
            parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z")
    return "".join(parts)
