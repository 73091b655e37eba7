"""Warnings about labels that are legal and say or teach little: of classes, of the masked and the validation images."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil
from statistics import median
from typing import Any

from wssis.checking.counted import Counted, Twice
from wssis.checking.known import Evaluated, Labelling
from wssis.config.data_stages import DataWarningsSettings
from wssis.formats.remark import Fault, Remark

FEW_MASKS = 5
"""A class with fewer masks is hardly learned."""
FEW_IMAGES = 10
"""With fewer validation images a single one moves the AP by much."""
FEW_SEEN = 10
"""A fold teacher that sees fewer images makes other rough masks than the teacher, which sees all."""
LEAST_SIDE = 8
"""Objects with a shorter side, px at the trained size, are hardly learned."""


def class_warnings(labelling: Labelling, categories: Sequence[Mapping[str, Any]]) -> Iterator[Remark]:
    """Classes with no mask, or with few; nothing of a run without any images with masks, which learns from boxes."""
    if "full" not in labelling.kinds.values():
        return
    where = f" of {labelling.name}" if labelling.name else ""
    for category in sorted(categories, key=lambda one: one["id"]):
        count, item = labelling.masks.classes[category["id"]], f"category {category['id']} ({category['name']})"
        if count == 0:
            remedy = "no mask can be learned from: draw some" + (", or split with method stratified" if where else "")
            fault = Fault("class without masks", f"has no mask on the full images{where}", remedy)
            yield fault.at(labelling.masks.file, item)
        elif count < FEW_MASKS:
            what = f"has {count} mask{'s' if count > 1 else ''} on the full images{where}"
            remedy = f"its AP will say little: draw {FEW_MASKS} or more" + (", or take a larger mix" if where else "")
            yield Fault("class with few masks", what, remedy).at(labelling.masks.file, item)


def click_warnings(labelling: Labelling, categories: Sequence[Mapping[str, Any]]) -> Iterator[Remark]:
    """Classes that were drawn, and nowhere clicked; nothing where nothing is clicked at all."""
    clicks = labelling.clicks
    if clicks is None or not clicks.classes:
        return
    for category in sorted(categories, key=lambda one: one["id"]):
        masks = labelling.masks.classes[category["id"]]
        if masks and not clicks.classes[category["id"]]:
            what = f"has no click on the weak images, and {masks} mask{'s' if masks > 1 else ''} on the full ones"
            remedy = "if any is to be seen there, click it: what is not clicked is learned as background"
            item = f"category {category['id']} ({category['name']})"
            yield Fault("class without clicks", what, remedy).at(clicks.file, item)


def repeated_labels(files: Iterable[Counted]) -> Iterator[Remark]:
    """Objects that were labelled twice, each once, whatever number of files have them."""
    told: set[Twice] = set()
    for labels in files:
        for twice in labels.twice:
            if twice not in told:
                told.add(twice)
                what = f"is of the same class and at the very same place as annotation {twice.first} of image"
                remedy = "delete one of them from the file that was given, unless they are two objects"
                fault = Fault("object labelled twice", f"{what} {twice.image_id}", remedy)
                yield fault.at(labels.file, f"annotation {twice.second}")


def val_class_warnings(val: Evaluated, categories: Sequence[Mapping[str, Any]]) -> Iterator[Remark]:
    """Classes that cannot be evaluated."""
    for category in categories:
        if not val.masks.classes[category["id"]]:
            remedy = "its AP is undefined and left out of the mean; add images that show it"
            fault = Fault("class without validation objects", "has no object in the validation images", remedy)
            yield fault.at(val.file, f"category {category['id']} ({category['name']})")


def val_size_warnings(val: Evaluated) -> Iterator[Remark]:
    """Whether there are too few validation images to tell networks apart."""
    images = len(val.images)
    if images < FEW_IMAGES:
        what = f"has {images} image{'' if images == 1 else 's'} to validate on, each of which moves the AP by much"
        yield Fault("few validation images", what, f"hold out {FEW_IMAGES} or more").at(val.file)


def crowded_warnings(val: Evaluated, settings: DataWarningsSettings) -> Iterator[Remark]:
    """Validation images with more objects than can be detected; one warning for each limit."""
    limits = {"evaluate.max_detections": settings.max_detections, "inference.candidates": settings.candidates}
    for name, limit in limits.items():
        beyond = [image for image, objects in val.sides.items() if limit is not None and len(objects) > limit]
        if beyond:
            worst = max(beyond, key=lambda image: len(val.sides[image]))
            what = (
                f"has {len(val.sides[worst])} objects, more than the {limit} of {name}, one of {len(beyond)} such"
                f" images among the {len(val.images)} of validation"
            )
            remedy = f"the rest can never be found: raise {name}"
            yield Fault("more objects than detections", what, remedy).at(val.file, f"image {worst}")


def small_warnings(val: Evaluated, settings: DataWarningsSettings) -> Iterator[Remark]:
    """Whether most objects are too small at the size of training."""
    trained = [
        side * min(settings.short_side / min(val.images[image]), settings.long_side / max(val.images[image]))
        for image, sides in val.sides.items() for side in sides
    ]  # fmt: skip
    if trained and median(trained) < LEAST_SIDE:
        what = (
            f"half of its objects have a side under {median(trained):.1f} px where images are trained with a short side"
            f" of {settings.short_side} px"
        )
        remedy = (
            f"under {LEAST_SIDE} px they are hardly learned: raise inference.short_side and the short_sides and"
            " long_side of the augmentations"
        )
        yield Fault("objects small in training", what, remedy).at(val.file)


def fold_warnings(labelling: Labelling, settings: DataWarningsSettings) -> Iterator[Remark]:
    """Whether the fold teachers, whose rough masks the refiner learns from, see too few images."""
    kinds = Counter(labelling.kinds.values())
    if not (settings.folds and kinds["point"]):
        return
    full = kinds["full"]
    seen = full - ceil(full / settings.folds)
    if seen < FEW_SEEN:
        where = f" of {labelling.name}" if labelling.name else ""
        what = f"has {full} images with masks{where}, so that each of {settings.folds} fold teachers learns from {seen}"
        remedy = (
            "their rough masks are worse than the teacher's, and the refiner learns from those: draw more masks, or set"
            " refiner.pairs: corrupt"
        )
        yield Fault("few images for fold teachers", what, remedy).at(labelling.masks.file)
