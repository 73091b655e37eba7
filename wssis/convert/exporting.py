"""Masks of this package, or any COCO file's, as files that labelling tools import."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from wssis.convert.export_sources import Coco, read_source
from wssis.convert.mask_scores import Rank, image_ranks, quantiles, score_of
from wssis.errors import InputError
from wssis.formats.atomic import refuse_overwriting
from wssis.formats.exporters import coco as plain_coco
from wssis.formats.exporters import cvat, label_studio

WRITERS: dict[str, Callable[..., list[Path]]] = {
    "coco": plain_coco.write,
    "cvat": cvat.write,
    "label-studio": label_studio.write,
}
"""Format -> what writes a COCO file's content in it and returns the files written."""
SUFFIXES = {"coco": ".json", "cvat": ".xml", "label-studio": ".json"}
NAMED = 5
"""So many of the worst images are named."""


@dataclass(frozen=True)
class Choice:
    """Which masks are written; None: no bound.

    Attributes:
        lowest, highest: score, both included. As soon as there is a bound, masks without score are left out.
        whole_images: all masks of the images that have one within the bounds.
        worst: so many images, those whose lowest score within the bounds is the lowest; see `image_ranks`.
    """

    lowest: float | None = None
    highest: float | None = None
    whole_images: bool = False
    worst: int | None = None

    @property
    def is_bound(self) -> bool:
        """Whether masks are chosen by score at all."""
        return self.worst_first or self.lowest is not None

    @property
    def worst_first(self) -> bool:
        """Whether the worst are asked for: then the images come in this order."""
        return self.highest is not None or self.worst is not None

    def takes(self, annotation: Mapping[str, Any]) -> bool:
        """Whether an annotation is within the bounds."""
        score = score_of(annotation)
        if not self.is_bound:
            return True
        if score is None:
            return False
        return (self.lowest is None or score >= self.lowest) and (self.highest is None or score <= self.highest)


@dataclass(frozen=True)
class Selection:
    """What a choice takes of a file.

    Attributes:
        coco: the annotations taken, with their images; everything where nothing is bound.
        by_score: how many annotations the score itself chose; `whole_images` may have added others.
        ranks: image_id -> rank of the images that the choice takes, the worst first; empty where nothing is bound.
        all_ranks: the same of all images with scores.
    """

    coco: Coco
    by_score: int
    ranks: Mapping[int, Rank]
    all_ranks: Mapping[int, Rank]


@dataclass(frozen=True)
class Export:
    """What was written: files; numbers of images, masks, unmasked points, and crowd regions that were left out.

    chosen: what the scores are and what was chosen by them, in words, line by line.
    """

    files: list[Path]
    images: int
    masks: int
    unmasked: int
    crowds_left_out: int
    chosen: list[str]


def export_labels(label_format: str, source: Path, out: Path, choice: Choice, options: Mapping[str, Any]) -> Export:
    """Write the masks of `source` at `out` in another tool's format.

    Args:
        source: COCO file, such as pseudo/{arm}.json; or what `wssis predict` writes; see `read_source`.
        options: of the format's writer.

    Raises:
        InputError: unknown format, a wrong suffix, an unsound source, or nothing within the bounds.
    """
    if label_format not in WRITERS:
        raise InputError(f"export: {label_format!r} is no format; legal are {', '.join(WRITERS)}")
    if out.suffix != SUFFIXES[label_format]:
        raise InputError(f"{out}: --out must end with {SUFFIXES[label_format]} for {label_format}")
    if choice.whole_images and not choice.is_bound:
        raise InputError("export: --whole-images needs --worst, --min-score or --max-score, which choose the images")
    refuse_overwriting([source], [out])
    selection = _selected(read_source(source), choice)
    coco = selection.coco
    if not coco["annotations"]:
        scores = _all_scores(selection)
        known = f"; its scores: {quantiles(scores)}" if scores else ", and none of its masks has a score"
        raise InputError(f"{source}: no mask and no point is within the bounds of the score; choose others{known}")
    files = WRITERS[label_format](out, coco, **options)
    number = Counter(_kind(annotation) for annotation in coco["annotations"])
    crowds = number["crowd"] if label_format != "coco" else 0
    return Export(files, len(coco["images"]), number["mask"], number["unmasked"], crowds, list(_chosen(selection)))


def _kind(annotation: Mapping[str, Any]) -> str:
    if annotation["segmentation"] is None:
        return "unmasked"
    return "crowd" if annotation.get("iscrowd") else "mask"


def _selected(coco: Coco, choice: Choice) -> Selection:
    """The annotations that the choice takes; as soon as there is a bound, with their images alone."""
    all_ranks = image_ranks(coco["annotations"])
    if not choice.is_bound:
        return Selection(coco, 0, {}, all_ranks)
    within = [one for one in coco["annotations"] if choice.takes(one)]
    ranks = dict(islice(image_ranks(within).items(), choice.worst))
    by_score = [one for one in within if one["image_id"] in ranks]
    taken = [one for one in coco["annotations"] if one["image_id"] in ranks] if choice.whole_images else [*by_score]
    images = [image for image in coco["images"] if image["id"] in ranks]
    if choice.worst_first:
        places = {image: place for place, image in enumerate(ranks)}
        images.sort(key=lambda image: places[image["id"]])
        taken.sort(key=lambda one: places[one["image_id"]])
    return Selection({**coco, "images": images, "annotations": taken}, len(by_score), ranks, all_ranks)


def _all_scores(selection: Selection) -> list[float]:
    return [score for rank in selection.all_ranks.values() for score in rank[:-1]]


def _chosen(selection: Selection) -> Iterator[str]:
    """What was chosen, and the quantiles that tell what another bound would choose; nothing without scores."""
    scores, ranks = _all_scores(selection), selection.ranks
    if not scores:
        return
    if ranks:
        lowest = [rank[0] for rank in ranks.values()]
        yield (
            f"chosen: {len(ranks)} of {len(selection.all_ranks)} images with scores, for {selection.by_score} of"
            f" {len(scores)} masks and points; lowest score of an image: {min(lowest):.3f} to {max(lowest):.3f}"
        )
        names = {image["id"]: image["file_name"] for image in selection.coco["images"]}
        worst = [f"{names[image]} ({rank[0]:.3f})" for image, rank in islice(ranks.items(), NAMED)]
        yield f"the worst: {', '.join(worst)}"
    yield f"scores of all {len(scores)}, of points without mask 0: {quantiles(scores)}"
    yield f"lowest scores of the images: {quantiles([rank[0] for rank in selection.all_ranks.values()])}"


def told(export: Export) -> str:
    """The account of an export, in words."""
    first = f"{export.files[0]}: {export.masks} masks on {export.images} images"
    if export.unmasked:
        first += f", and {export.unmasked} points without mask"
    lines = [first, *(f"beside it: {path}" for path in export.files[1:]), *export.chosen]
    if export.crowds_left_out:
        lines.append(f"left out: {export.crowds_left_out} crowd regions, for which the format has no place")
    return "\n".join(lines)
