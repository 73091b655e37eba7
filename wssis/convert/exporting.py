"""Masks of this package, or any COCO file's, as files that labelling tools import."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wssis.convert.export_sources import Coco, read_source
from wssis.errors import InputError
from wssis.formats.exporters import coco as plain_coco
from wssis.formats.exporters import cvat, label_studio

WRITERS: dict[str, Callable[..., list[Path]]] = {
    "coco": plain_coco.write,
    "cvat": cvat.write,
    "label-studio": label_studio.write,
}
"""Format -> what writes a COCO file's content in it and returns the files written."""
SUFFIXES = {"coco": ".json", "cvat": ".xml", "label-studio": ".json"}
UNMASKED_SCORE = 0.0
"""A point without mask counts as a mask of this score: it needs a person most."""


@dataclass(frozen=True)
class Choice:
    """Which masks are written; None: no bound.

    Attributes:
        lowest, highest: score, both included. As soon as there is a bound, masks without score are left out.
        whole_images: all masks of the images that have one within the bounds.
    """

    lowest: float | None = None
    highest: float | None = None
    whole_images: bool = False

    @property
    def is_bound(self) -> bool:
        """Whether masks are chosen by score at all."""
        return self.lowest is not None or self.highest is not None

    def takes(self, annotation: Mapping[str, Any]) -> bool:
        """Whether an annotation is within the bounds."""
        score = UNMASKED_SCORE if annotation["segmentation"] is None else annotation.get("score")
        if not self.is_bound:
            return True
        if score is None:
            return False
        return (self.lowest is None or score >= self.lowest) and (self.highest is None or score <= self.highest)


@dataclass(frozen=True)
class Export:
    """What was written: files; numbers of images, masks, unmasked points, and crowd regions that were left out."""

    files: list[Path]
    images: int
    masks: int
    unmasked: int
    crowds_left_out: int


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
        raise InputError("export: --whole-images needs --min-score or --max-score, which choose the images")
    if out.resolve() == source.resolve():
        raise InputError(f"{out}: is the file to export, which must not lose what the format lacks; give another --out")
    coco = _chosen(read_source(source), choice)
    if not coco["annotations"]:
        raise InputError(f"{source}: no mask and no point is within the bounds of the score; choose others")
    files = WRITERS[label_format](out, coco, **options)
    number = Counter(_kind(annotation) for annotation in coco["annotations"])
    crowds = number["crowd"] if label_format != "coco" else 0
    return Export(files, len(coco["images"]), number["mask"], number["unmasked"], crowds)


def _kind(annotation: Mapping[str, Any]) -> str:
    if annotation["segmentation"] is None:
        return "unmasked"
    return "crowd" if annotation.get("iscrowd") else "mask"


def _chosen(coco: Coco, choice: Choice) -> Coco:
    """The file with the annotations that the choice takes; as soon as there is a bound, with their images alone."""
    if not choice.is_bound:
        return coco
    taken = [one for one in coco["annotations"] if choice.takes(one)]
    images = {one["image_id"] for one in taken}
    if choice.whole_images:
        taken = [one for one in coco["annotations"] if one["image_id"] in images]
    kept = [image for image in coco["images"] if image["id"] in images]
    return {**coco, "images": kept, "annotations": taken}


def told(export: Export) -> str:
    """The account of an export, in words."""
    first = f"{export.files[0]}: {export.masks} masks on {export.images} images"
    if export.unmasked:
        first += f", and {export.unmasked} points without mask"
    lines = [first, *(f"beside it: {path}" for path in export.files[1:])]
    if export.crowds_left_out:
        lines.append(f"left out: {export.crowds_left_out} crowd regions, for which the format has no place")
    return "\n".join(lines)
