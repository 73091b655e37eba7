"""The content of what is known of a data set's images as titled tables: facts, warnings, images, and those shown."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean
from textwrap import fill
from typing import Any

from PIL import Image

from wssis.audit.show_parts import Part, counted, spread
from wssis.formats.coco_stream import annotations_of, read_frame
from wssis.formats.image_facts import read_image_facts
from wssis.formats.json_file import read_json
from wssis.formats.strays import without_strays
from wssis.formats.warnings_file import read_warnings
from wssis.overview.table import table

MOST = 20
"""Warnings and shown images that are listed."""
MEASURES = {"iou_rough": "IoU, rough", "iou_pseudo": "IoU, pseudo", "score": "score"}
"""Key of an object -> what it says; without hidden masks there are scores alone."""
UPRIGHT = 1
"""EXIF orientation of an image that is not turned."""


def image_facts(path: Path) -> Iterator[Part]:
    """image_facts.csv."""
    facts = read_image_facts(path)
    yield "", f"{len(facts):,} images"
    yield "pixels", counted(Counter(f"{one.subset}, {one.mode}" for one in facts), "images")
    oddities = {
        "images turned by EXIF": sum(one.orientation != UPRIGHT for one in facts),
        "images that look like another": sum(one.alike is not None for one in facts),
        "groups of images that look alike": len({one.alike for one in facts} - {None}),
        "points amid pixels of one colour": sum(len(one.flat_points) for one in facts),
        "points on the outermost pixels": sum(len(one.border_points) for one in facts),
    }
    yield "oddities", table(("", "number"), [(name, f"{number:,}") for name, number in oddities.items()])


def warnings(path: Path) -> Iterator[Part]:
    """data_warnings.json."""
    found = read_warnings(path)
    yield "", f"{len(found):,} warning{'' if len(found) == 1 else 's'}"
    if found:
        yield "", counted(Counter(one.kind for one in found), "kind")
        lines = [fill(str(one), 110, initial_indent="  ", subsequent_indent="    ") for one in found[:MOST]]
        yield _first("warnings", len(found)), "\n".join(lines)


def _first(what: str, number: int) -> str:
    return what if number <= MOST else f"first {MOST} of {number:,} {what}"


def images(folder: Path) -> Iterator[Part]:
    """A folder of images; of each the head is read."""
    paths = sorted(without_strays(folder))
    kinds: Counter[str] = Counter()
    for path in paths:
        with Image.open(path) as image:
            kinds[f"{image.width} x {image.height} px, {image.mode}, {image.format}"] += 1
    yield "", f"{len(paths):,} images, {paths[0].name} ... {paths[-1].name}"
    yield "", counted(dict(kinds.most_common(MOST)), "size")
    yield "spread", spread({"bytes of an image": [path.stat().st_size for path in paths]})


def image(path: Path) -> Iterator[Part]:
    """One image, and what its data set has on it."""
    with Image.open(path) as opened:
        opened.load()
        yield "", f"{opened.width} x {opened.height} px, {opened.mode}, {opened.format}"
    labels = labels_of(path)
    if labels is not None:
        frame = read_frame(labels)
        names = {one["id"]: one["name"] for one in frame["categories"]}
        own = {one["id"] for one in frame["images"] if one["file_name"] == path.name}
        objects = Counter(names[one["category_id"]] for one in annotations_of(labels) if one["image_id"] in own)
        yield f"objects in {labels.name}", counted(objects, "category") if objects else "none"


def labels_of(path: Path) -> Path | None:
    """The labels of an image that the study drew, images/{subset}/NAME: {subset}.json beside images."""
    parents = path.absolute().parents
    if len(parents) < 3 or parents[1].name != "images":
        return None
    labels = parents[2] / f"{parents[0].name}.json"
    return labels if labels.is_file() else None


def shown(path: Path) -> Iterator[Part]:
    """quality/{arm}.shown.json."""
    content = read_json(path)
    records = content["images"]
    objects = [one for record in records for one in record["objects"]]
    fair = sum(record["fair"] for record in records)
    yield "", f"{len(records):,} images with {len(objects):,} objects: {fair:,} by the rule, the others for the gallery"
    yield "rule", fill(content["rule"], 110, initial_indent="  ", subsequent_indent="  ")
    names = {one["id"]: one["name"] for one in content["categories"]}
    yield "objects", counted(Counter(names[one["category_id"]] for one in objects), "category")
    yield "", counted(Counter(one["status"] for one in objects), "status")
    keys = [key for key in MEASURES if _values(objects, key)]
    yield "spread", spread({MEASURES[key]: _values(objects, key) for key in keys})
    head = ("image", "why", "by the rule", "objects", *(MEASURES[key] for key in keys))
    yield _first("images", len(records)), table(head, [_shown_row(record, keys) for record in records[:MOST]], left=3)


def _values(objects: list[Mapping[str, Any]], key: str) -> list[float]:
    return [one[key] for one in objects if one.get(key) is not None]


def _shown_row(record: Mapping[str, Any], keys: Sequence[str]) -> tuple[str, ...]:
    measured = (_values(record["objects"], key) for key in keys)
    means = (f"{mean(values):.2f}" if values else "" for values in measured)
    return record["file_name"], record["why"], "yes" if record["fair"] else "", str(len(record["objects"])), *means
