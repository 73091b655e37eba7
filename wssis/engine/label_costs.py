"""Label cost of a mix of label kinds, in days, by two published models (`method.md`, Label costs), and by own seconds.

Stages are kept apart: naming the categories, spotting the objects, localising them. Pure arithmetic on counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from wssis.config.label_cost import CostSettings

SECONDS_PER_DAY = 86_400
POINTS_IN_BOX = 10

LabelKind = Literal["full", "point", "box", "points10"]
CostModel = Literal["pointwssis", "cheng", "measured"]
PUBLISHED: tuple[CostModel, ...] = ("pointwssis", "cheng")


@dataclass(frozen=True)
class LabelCounts:
    """What there was to label in a set of images; crowd regions excluded.

    `pairs` counts the distinct (image, category) pairs, `empty` the images without objects, `categories` the classes
    of the data set, `points` the labelled points inside boxes, None where they are not given. Numbers may be averages
    times images, hence float.
    """

    images: float
    objects: float
    pairs: float
    empty: float
    categories: float
    points: float | None = None

    @property
    def points_in_boxes(self) -> float:
        """Labelled points inside boxes: as counted, or ten for each object."""
        return self.objects * POINTS_IN_BOX if self.points is None else self.points

    @property
    def absent(self) -> float:
        """Classes that are absent, summed over the images."""
        return self.images * self.categories - self.pairs


@dataclass(frozen=True)
class StageSeconds:
    """Seconds of the three labelling stages."""

    category: float
    spotting: float
    localisation: float

    @property
    def total(self) -> float:
        """Seconds of all three stages."""
        return self.category + self.spotting + self.localisation


def count_labels(coco: Mapping[str, Any]) -> LabelCounts:
    """Count a COCO data set's images, objects and (image, category) pairs.

    Args:
        coco: images, annotations, categories; annotations with `iscrowd` 1 are left out, masks are not needed.
    """
    objects = [a for a in coco["annotations"] if not a.get("iscrowd", 0)]
    pairs = {(a["image_id"], a["category_id"]) for a in objects}
    occupied = {image_id for image_id, _ in pairs}
    images = len(coco["images"])
    in_boxes = [len(a["point_labels"]) for a in objects if "point_labels" in a]
    points = sum(in_boxes) if in_boxes else None
    return LabelCounts(images, len(objects), len(pairs), images - len(occupied), len(coco["categories"]), points)


def label_seconds(counts: LabelCounts, kind: LabelKind, model: CostModel, settings: CostSettings) -> StageSeconds:
    """Seconds it takes to give all of `counts` labels of one kind.

    Args:
        counts: the images and objects labelled.
        kind: full masks, one point per object, boxes, or boxes with labelled points in them.
        model: `pointwssis` (Kim et al., supplement: per absent class, per object) or `cheng` (Cheng et al., appendix C:
            all per object; an image without objects pays the category stage once), or `measured` (the study's own
            seconds: per image and per object, the time per image standing in the spotting stage).
        settings: seconds of each action; `categories_known` drops the category stage.
    """
    stages = {"pointwssis": _pointwssis, "cheng": _cheng, "measured": _measured}[model](counts, kind, settings)
    return StageSeconds(0.0 if settings.categories_known else stages.category, stages.spotting, stages.localisation)


def label_days(labelled: Mapping[LabelKind, LabelCounts], model: CostModel, settings: CostSettings) -> float:
    """Days of a whole mix: the sum over its label kinds."""
    seconds = (label_seconds(counts, kind, model, settings).total for kind, counts in labelled.items())
    return sum(seconds) / SECONDS_PER_DAY


def label_stages(labelled: Mapping[LabelKind, LabelCounts], model: CostModel, settings: CostSettings) -> StageSeconds:
    """Seconds of each stage of a whole mix: the sums over its label kinds."""
    parts = [label_seconds(counts, kind, model, settings) for kind, counts in labelled.items()]
    return StageSeconds(*(sum(getattr(part, stage.name) for part in parts) for stage in fields(StageSeconds)))


@dataclass(frozen=True)
class CostView:
    """One way to count label cost: a model, and whether the annotators are told each image's categories."""

    model: CostModel
    categories_known: bool

    @property
    def key(self) -> str:
        """A name for files: pointwssis, pointwssis_known, cheng, cheng_known, measured."""
        return f"{self.model}_known" if self.categories_known and self.model in PUBLISHED else self.model

    def days(self, labelled: Mapping[LabelKind, LabelCounts], settings: CostSettings) -> float:
        """Days of a whole mix, counted this way."""
        told = settings.model_copy(update={"categories_known": self.categories_known})
        return label_days(labelled, self.model, told)


COST_VIEWS = tuple(CostView(model, known) for known in (False, True) for model in PUBLISHED)
"""The published ways."""


def cost_views(settings: CostSettings) -> tuple[CostView, ...]:
    """The published ways, and the study's own seconds where it has measured any."""
    if not has_measured(settings):
        return COST_VIEWS
    return (*COST_VIEWS, CostView("measured", settings.categories_known))


def has_measured(settings: CostSettings) -> bool:
    """Whether the study has seconds of its own."""
    return any(value is not None for _, value in settings.measured)


def _pointwssis(counts: LabelCounts, kind: LabelKind, settings: CostSettings) -> StageSeconds:
    """Absent classes are said no to one by one; an object's own action names, finds and localises it."""
    localisation = {
        "full": counts.objects * settings.mask,
        "point": counts.pairs * settings.point_first + (counts.objects - counts.pairs) * settings.point_more,
        "box": counts.objects * settings.box,
        "points10": counts.objects * settings.box + counts.points_in_boxes * settings.point_more,
    }[kind]
    return StageSeconds(counts.absent * settings.absent_class, 0.0, localisation)


def _cheng(counts: LabelCounts, kind: LabelKind, settings: CostSettings) -> StageSeconds:
    """Category, spotting and localisation, each per object."""
    localisation = {
        "full": counts.objects * settings.cheng_mask,
        "point": counts.objects * settings.cheng_point,
        "box": counts.objects * settings.box,
        "points10": counts.objects * settings.box + counts.points_in_boxes * settings.cheng_point,
    }[kind]
    return StageSeconds(
        (counts.objects + counts.empty) * settings.cheng_category,
        counts.objects * settings.cheng_spotting,
        localisation,
    )


def _measured(counts: LabelCounts, kind: LabelKind, settings: CostSettings) -> StageSeconds:
    """The study's own seconds; what was not measured costs as in PointWSSIS's model."""
    own = {key: value for key, value in settings.measured if value is not None}
    if kind == "points10":  # PointWSSIS's model has one figure for a further point in an image and for one in a box.
        own["point_more"] = own.get("point_in_box", settings.point_more)
    objects = {key: value for key, value in own.items() if key in CostSettings.model_fields}
    localisation = _pointwssis(counts, kind, settings.model_copy(update=objects)).localisation
    if settings.measured.image is None:
        return StageSeconds(counts.absent * settings.absent_class, 0.0, localisation)
    return StageSeconds(0.0, counts.images * settings.measured.image, localisation)
