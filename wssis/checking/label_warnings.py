"""Warnings about classes and validation images that are legal and say little."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wssis.checking.known import Evaluated, Labelling
from wssis.config.stages import DataWarningsSettings
from wssis.formats.remark import Fault, Remark

FEW_MASKS = 5
"""A class with fewer masks is hardly learned."""
FEW_IMAGES = 10
"""With fewer validation images a single one moves the AP by much."""


def class_warnings(labelling: Labelling, categories: Sequence[Mapping[str, Any]]) -> Iterator[Remark]:
    """Classes with no mask, or with few."""
    where = f" of {labelling.name}" if labelling.name else ""
    for category in sorted(categories, key=lambda one: one["id"]):
        count, item = labelling.masks.get(category["id"], 0), f"category {category['id']} ({category['name']})"
        if count == 0:
            remedy = "it cannot be learned: draw some" + (", or split with method stratified" if where else "")
            fault = Fault("class without masks", f"has no mask on the full images{where}", remedy)
            yield fault.at(labelling.file, item)
        elif count < FEW_MASKS:
            what = f"has {count} mask{'s' if count > 1 else ''} on the full images{where}"
            remedy = f"its AP will say little: draw {FEW_MASKS} or more" + (", or take a larger mix" if where else "")
            yield Fault("class with few masks", what, remedy).at(labelling.file, item)


def val_class_warnings(val: Evaluated, categories: Sequence[Mapping[str, Any]]) -> Iterator[Remark]:
    """Classes that cannot be evaluated."""
    for category in categories:
        if not val.masks.get(category["id"]):
            remedy = "its AP is undefined and left out of the mean; add images that show it"
            fault = Fault("class without validation objects", "has no object in the validation images", remedy)
            yield fault.at(val.file, f"category {category['id']} ({category['name']})")


def val_size_warnings(val: Evaluated) -> Iterator[Remark]:
    """Whether there are too few validation images to tell networks apart."""
    if val.images < FEW_IMAGES:
        what = f"has {val.images} image{'' if val.images == 1 else 's'}, each of which moves the AP by much"
        yield Fault("few validation images", what, f"hold out {FEW_IMAGES} or more").at(val.file)


def crowded_warnings(val: Evaluated, settings: DataWarningsSettings) -> Iterator[Remark]:
    """Validation images with more objects than can be detected; one warning for each limit."""
    limits = {"evaluate.max_detections": settings.max_detections, "inference.candidates": settings.candidates}
    for name, limit in limits.items():
        beyond = [image for image, objects in val.objects.items() if objects > limit]
        if beyond:
            worst = max(beyond, key=lambda image: val.objects[image])
            what = (
                f"has {val.objects[worst]} objects, more than the {limit} of {name}, one of {len(beyond)} such images"
                f" among the {val.images} of validation"
            )
            remedy = f"the rest can never be found: raise {name}"
            yield Fault("more objects than detections", what, remedy).at(val.file, f"image {worst}")
