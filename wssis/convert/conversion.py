"""Labels of another tool as a COCO file: weak.json's form for points, what prepare accepts for masks."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wssis.convert.joining import file_names
from wssis.errors import InputError
from wssis.formats.atomic import refuse_overwriting
from wssis.formats.coco import read_coco, write_coco
from wssis.formats.coco_normal import box_and_area
from wssis.formats.importers.collected import Categories, Collected, Label, LabelledImage, Refusal, ignored_labels
from wssis.formats.importers.image_sizes import ImageSizes
from wssis.formats.importers.reader import Options, Reader
from wssis.formats.importers.registry import READERS

COORDINATES = {None: None, "corners": True, "centres": False}


@dataclass(frozen=True)
class Request:
    """What `wssis convert` was asked for; see its options.

    Attributes:
        coordinates: "corners", "centres", or None: as the format is documented.
        first_id: number from which images and annotations count that have no ids; None: 1, or behind all ids of the
            files in `without`.
        drop_empty: leave out images without labels, instead of taking them as verified empty.
        keep_incomplete: keep images of which a label was refused.
        strict: write nothing if one item is refused.
        ignore: classes whose labels are left out.
        without: COCO files whose images, by file name, are left out.
    """

    kind: str
    label_format: str
    source: Path
    out: Path
    image_dir: Path | None = None
    categories: Path | None = None
    coordinates: str | None = None
    first_id: int | None = None
    drop_empty: bool = False
    keep_incomplete: bool = False
    strict: bool = False
    ignore: tuple[str, ...] = ()
    without: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Conversion:
    """What became of the labels.

    Attributes:
        labels: class name -> number written.
        images, empty: images written, and how many of them have no label.
        dropped: images without labels that were left out.
        incomplete: images left out since a label of theirs was refused; `lost`: their other, sound labels.
    """

    request: Request
    labels: dict[str, int]
    images: int
    empty: int
    dropped: int
    incomplete: int
    lost: int
    passed_over: dict[str, int]
    refusals: list[Refusal]


def convert_labels(request: Request, options: Options) -> Conversion:
    """Read the labels, write request.out; the same labels in the same order give the same bytes.

    Raises:
        InputError: the request makes no sense, the source cannot be read or would be overwritten, an item is refused
            (strict), or no label is left.
    """
    reader = _reader(request, options)
    refuse_overwriting([request.source, request.categories, *request.without], [request.out])
    options = replace(options, corners=COORDINATES[request.coordinates])
    others = [read_coco(path) for path in request.without]
    collected = _collected(request, reader, others)
    reader.read(request.source, collected, options)
    _check_ignored(collected, request)
    _check(collected, request)
    first = _first_free(others) if request.first_id is None else request.first_id
    content, conversion = _content(collected, request, first)
    if not content["annotations"]:
        raise InputError(_listed(f"{request.source}: no label is left to write", collected.refusals))
    write_coco(request.out, content)
    return conversion


def _reader(request: Request, options: Options) -> Reader:
    if request.kind not in READERS:
        raise InputError(f"convert: {request.kind!r} is no kind of label; legal are {', '.join(READERS)}")
    formats = READERS[request.kind]
    if request.label_format not in formats:
        legal = ", ".join(formats)
        raise InputError(f"convert: {request.label_format!r} is no format of {request.kind}; legal are {legal}")
    if request.coordinates not in COORDINATES:
        raise InputError(f"convert: --coordinates {request.coordinates!r}: legal are corners, centres")
    reader = formats[request.label_format]
    given = asdict(options) | {"corners": request.coordinates}
    names = {"corners": "--coordinates", "keypoint": "--keypoint", "category": "--category"}
    wrong = [names[key] for key, value in given.items() if value is not None and key not in reader.options]
    if request.first_id is not None and reader.keeps_ids:
        wrong.append("--first-id")
    if wrong:
        raise InputError(f"convert: {', '.join(wrong)} means nothing to {request.kind} of {request.label_format}")
    return reader


def _collected(request: Request, reader: Reader, others: Sequence[Mapping[str, Any]]) -> Collected:
    folder = request.image_dir
    if folder is None and reader.images and (request.source / reader.images).is_dir():
        folder = request.source / reader.images
    if folder is not None and not folder.is_dir():
        raise InputError(f"{folder}: is no folder; correct --image-dir")
    categories = None
    if request.categories is not None:
        categories = Categories.listed(read_coco(request.categories)["categories"], request.categories)
    elsewhere = {name for path, coco in zip(request.without, others, strict=True) for name in file_names(path, coco)}
    sizes = ImageSizes(folder, reader.upright)
    return Collected(sizes, categories, frozenset(request.ignore), frozenset(elsewhere))


def _check_ignored(collected: Collected, request: Request) -> None:
    """Refuse a class to leave out that a source which lists its classes has not; else tell that none was left out."""
    for name in request.ignore:
        if collected.listed is None:
            collected.passed_over[ignored_labels(name)] += 0
        elif name not in collected.listed.names.values() and not collected.passed_over[ignored_labels(name)]:
            there = ", ".join(collected.listed.names.values())
            raise InputError(f"{request.source}: has no class {name!r}; correct --ignore; its classes are {there}")


def _check(collected: Collected, request: Request) -> None:
    if request.strict and collected.refusals:
        count = len(collected.refusals)
        head = f"{request.source}: {count} item(s) refused, so nothing is written (--strict)"
        raise InputError(_listed(head, collected.refusals))


def _listed(head: str, refusals: list[Refusal]) -> str:
    return "\n".join([f"{head}:" if refusals else f"{head}; name the right file", *map(str, refusals)])


def _content(collected: Collected, request: Request, first: int) -> tuple[dict[str, Any], Conversion]:
    """The COCO file's content, numbered from `first`, and the account of it."""
    labelled = {label.image.name for label in collected.labels}
    also = labelled if request.keep_incomplete else set()
    kept = [image for image in collected.images if image.complete or image.name in also]
    empty = [image for image in kept if image.name not in labelled]
    if request.drop_empty:
        kept = [image for image in kept if image.name in labelled]
    ids = {image.name: _id(image.number, first + place) for place, image in enumerate(kept)}
    labels = [label for label in collected.labels if label.image.name in ids]
    counts = Counter(label.category for label in labels)
    names = _categories(collected, counts)
    numbers = {name: number for number, name in names.items()}
    content = {
        "images": [_image(image, ids[image.name]) for image in kept],
        "annotations": list(_annotations(labels, ids, numbers, first)),
        "categories": [{"id": number, "name": name} for number, name in names.items()],
    }
    conversion = Conversion(
        request,
        {name: counts[name] for name in names.values()},
        images=len(kept),
        empty=0 if request.drop_empty else len(empty),
        dropped=len(empty) if request.drop_empty else 0,
        incomplete=sum(not image.complete and image.name not in ids for image in collected.images),
        lost=len(collected.labels) - len(labels),
        passed_over=dict(collected.passed_over),
        refusals=collected.refusals,
    )
    return content, conversion


def _first_free(others: Sequence[Mapping[str, Any]]) -> int:
    """The least number behind all ids of COCO files; 1 without any."""
    ids = [one.get("id") for coco in others for part in ("images", "annotations") for one in coco[part]]
    return 1 + max((one for one in ids if type(one) is int), default=0)


def _categories(collected: Collected, found: Counter[str]) -> dict[int, str]:
    """Id -> name: those given or declared, without those left out; else those found, by name, from 1."""
    if collected.categories is not None:
        return {number: name for number, name in collected.categories.names.items() if name not in collected.ignored}
    return dict(enumerate(sorted(found), start=1))


def _id(own: int | None, number: int) -> int:
    return number if own is None else own


def _image(image: LabelledImage, identity: int) -> dict[str, Any]:
    return {"id": identity, "file_name": image.name, "width": image.width, "height": image.height}


def _annotations(
    labels: list[Label], ids: dict[str, int], categories: dict[str, int], first: int
) -> Iterator[dict[str, Any]]:
    for number, label in enumerate(labels, start=first):
        head = {
            "id": _id(label.number, number),
            "image_id": ids[label.image.name],
            "category_id": categories[label.category],
        }
        yield head | (label.values if "point" in label.values else _mask_values(label))


def _mask_values(label: Label) -> dict[str, Any]:
    """Segmentation, box [x, y, w, h] in px and area in px, both from the mask unless given, and iscrowd."""
    values = label.values
    box, area = box_and_area(values, label.image.height, label.image.width)
    return {"segmentation": values["segmentation"], "bbox": box, "area": area, "iscrowd": values["iscrowd"]}
