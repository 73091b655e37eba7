"""The content of an artifact as titled tables, one function for each kind."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from wssis.audit import show_data, show_report
from wssis.audit.artifact import Artifact
from wssis.audit.checkpoint_facts import read_header
from wssis.audit.contents import read_metrics
from wssis.audit.show_parts import Part, counted, first_rows, spread, whole_table
from wssis.audit.values import flat, word, wrapped
from wssis.formats.coco_stream import annotations_of, read_frame
from wssis.formats.crop_store import CropStore
from wssis.formats.json_text import loads
from wssis.formats.ledger_stream import ledger_parts
from wssis.formats.metrics_file import losses_of
from wssis.formats.scores import METRICS, read_scores
from wssis.overview.table import table

LINES = 10
"""Lines of a training that are shown."""
BARS = "▁▂▃▄▅▆▇█"
WORDS = ("source", "outcome", "status", "predictor")
"""Keys of annotations whose values are counted."""


def content_of(artifact: Artifact) -> Iterator[Part]:
    """The content of an artifact.

    Raises:
        InputError: it is damaged.
    """
    yield from READERS[artifact.kind](artifact.path)


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """A row of bars, from the least to the largest value.

    >>> sparkline([0, 1, 2, 3])
    '▁▃▅█'
    """
    places = np.linspace(0, len(values) - 1, min(width, len(values))).round().astype(int)
    chosen = np.asarray(values, float)[places]
    low, high = chosen.min(), chosen.max()
    scaled = (chosen - low) / (high - low) if high > low else np.zeros(len(chosen))
    return "".join(BARS[int(one * (len(BARS) - 1))] for one in scaled)


def _coco(path: Path) -> Iterator[Part]:
    frame = read_frame(path)
    names = {one["id"]: one["name"] for one in frame["categories"]}
    objects: Counter[int] = Counter()
    shown: dict[int, set[int]] = defaultdict(set)
    per_image: Counter[int] = Counter({image["id"]: 0 for image in frame["images"]})
    words: dict[str, Counter[str]] = {key: Counter() for key in WORDS}
    numbers: dict[str, list[float]] = {"area, px": [], "score": [], "points in a box": [], "of them on the object": []}
    kinds = Counter({"with a mask": 0, "without a mask": 0, "crowd": 0})
    for one in annotations_of(path):
        kinds["crowd" if one.get("iscrowd") else "with a mask" if one.get("segmentation") else "without a mask"] += 1
        objects[one["category_id"]] += 1
        shown[one["category_id"]].add(one["image_id"])
        per_image[one["image_id"]] += 1
        numbers["area, px"] += [one["area"]] if one.get("area") else []
        numbers["score"] += [one["score"]] if "score" in one else []
        if "point_labels" in one:
            numbers["points in a box"].append(len(one["point_labels"]))
            numbers["of them on the object"].append(sum(one["point_labels"]))
        for key, counter in words.items():
            counter.update([str(one[key])] if key in one else [])
    objects_all = sum(kinds.values())
    each = f"; {path.stat().st_size / objects_all:,.0f} bytes of the file per annotation" if objects_all else ""
    yield "", f"{len(frame['images']):,} images, {objects_all:,} annotations, {len(names)} categories{each}"
    rows = [(names.get(key, str(key)), f"{objects[key]:,}", f"{len(shown[key]):,}") for key in names]
    yield "categories", table(("name", "annotations", "images"), rows)
    yield "annotations", counted({name: count for name, count in kinds.items() if count}, "mask")
    for key, counter in words.items():
        if counter:
            yield key, counted(dict(counter.most_common()), key)
    yield "spread", spread({"annotations of an image": list(per_image.values()), **numbers})


def _ledger(path: Path) -> Iterator[Part]:
    frame = pd.concat(ledger_parts(path), ignore_index=True)
    points, images = frame["point_id"].nunique(), frame["image_id"].nunique()
    yield "", f"{len(frame):,} records of {points:,} points on {images:,} images"
    for key in ("status", "predictor", "level"):
        yield key, counted(frame[key].value_counts(sort=key != "level").sort_index().to_dict(), key)
    flags = {
        "own point outside of the mask": int((frame["own_point_inside"] == False).sum()),  # noqa: E712
        "with other objects' points": int((frame["foreign_points"] > 0).sum()),
        "the very mask of another point": int((frame["shares_mask_with"] != "").sum()),
    }
    yield "oddities", table(("records", "number"), [(name, f"{number:,}") for name, number in flags.items()])
    columns = ("score", "maskness", "category_score", "area")
    yield "spread", spread({name: frame[name].to_numpy(float, na_value=np.nan) for name in columns})
    yield "first records", first_rows(frame, ("image_id", "point_id", "x", "y", "status", "level", "score", "area"))


def _points(path: Path) -> Iterator[Part]:
    frame = whole_table(path, "points")
    yield "", f"{len(frame):,} points"
    yield "spread", spread({f"{axis}, px": frame[axis] for axis in ("x", "y")})
    yield "first points", first_rows(frame, ("annotation_id", "x", "y"))


def _split(path: Path) -> Iterator[Part]:
    kinds = whole_table(path, "split")["label_kind"].value_counts()
    yield "", counted(kinds.to_dict(), "label kind")


def _table_of(path: Path, kind: str) -> Iterator[Part]:
    frame = whole_table(path, kind)
    yield "", f"{len(frame):,} rows"
    yield "first rows", first_rows(frame, tuple(frame.columns))


def _quality(path: Path) -> Iterator[Part]:
    frame = whole_table(path, "quality")
    yield "", counted(frame["status"].value_counts().to_dict(), "points")
    ious = {kind: frame[f"iou_{kind}"] for kind in ("rough", "pseudo") if frame[f"iou_{kind}"].notna().any()}
    means = [(kind, f"{one.mean():.3f}", f"{100 * (one >= 0.5).mean():.1f}") for kind, one in ious.items()]
    yield "IoU with the hidden masks", table(("masks", "mean", "% of .5 and more"), means)
    yield "spread", spread({f"IoU of {kind} masks": one for kind, one in ious.items()})
    steps = np.linspace(0, 1, 11)
    counts = {kind: np.histogram(one, steps)[0] for kind, one in ious.items()}
    rows = [
        (f"{low:.1f}-{low + 0.1:.1f}", *(f"{counts[kind][place]:,}" for kind in ious))
        for place, low in enumerate(steps[:-1])
    ]
    yield "points by IoU", table(("IoU", *ious), rows)


def _thresholds(path: Path) -> Iterator[Part]:
    frame = whole_table(path, "thresholds")
    without = int(frame["threshold"].isna().sum())
    yield "", f"{len(frame):,} classes, {without:,} of them without labels: no detection of theirs was right"
    yield "spread", spread({name: frame[name] for name in ("threshold", "f1", "precision", "recall")})
    yield "classes", first_rows(frame, tuple(frame.columns), len(frame))


def _score_table(path: Path) -> Iterator[Part]:
    frame = whole_table(path, "score_table")
    columns = ("dataset", "mix", "seed", "variant", "arm", "AP", "AP50", "AP75", "bbox_AP", "label_days_pointwssis")
    yield "", first_rows(frame, columns, len(frame))


def _scores(path: Path) -> Iterator[Part]:
    scores = read_scores(path)
    yield "AP, 0-100", table(METRICS, [tuple(_figure(scores[key]) for key in METRICS)], left=0)
    classes = scores["per_class"]
    rows = [(one["name"], f"{one['objects']:,}", _figure(one["AP"]), _figure(one["AP50"])) for one in classes]
    yield "classes", table(("name", "objects", "AP", "AP50"), rows)
    rest = {key: value for key, value in scores.items() if key not in (*METRICS, "per_class")}
    yield "", "\n".join(wrapped(rest))


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _detections(path: Path) -> Iterator[Part]:
    found = loads(path.read_bytes())
    yield "", f"{len(found):,} detections on {len({one['image_id'] for one in found}):,} images"
    yield "category_id", counted(dict(sorted(Counter(one["category_id"] for one in found).items())), "category_id")
    yield "spread", spread({"score": [one["score"] for one in found]})


def _metrics(path: Path) -> Iterator[Part]:
    lines = read_metrics(path)["lines"]
    if not lines:
        yield "", "no lines: the weights were given, nothing was trained"
        return
    losses = list(losses_of(lines[-1]))
    yield "", f"{len(lines)} lines, steps {lines[0]['step']} ... {lines[-1]['step']}"
    ways = [
        (name, sparkline([line[name] for line in lines]), f"{lines[0][name]:.3f} -> {lines[-1][name]:.3f}")
        for name in losses
    ]
    yield "losses", "\n".join(table(("", "", ""), ways, left=2).splitlines()[1:])
    columns = ("step", *losses, "lr", "images_per_second", "seconds")
    places = np.unique(np.linspace(0, len(lines) - 1, LINES).round().astype(int))
    rows = [tuple(word(lines[place].get(name)) for name in columns) for place in places]
    yield "some lines", table(columns, rows, left=0)


def _checkpoint(path: Path) -> Iterator[Part]:
    header = read_header(path)
    parameters: Counter[str] = Counter()
    tensors: Counter[str] = Counter()
    for name, (_, shape) in header["tensors"].items():
        group = ".".join(name.split(".")[:2])
        parameters[group] += int(np.prod(shape, dtype=np.int64))
        tensors[group] += 1
    kinds = Counter(kind for kind, _ in header["tensors"].values())
    number = parameters.total()
    yield "", f"{len(header['tensors'])} tensors ({', '.join(kinds)}), {number:,} numbers"
    for key, text in sorted(header["metadata"].items()):
        yield key, "\n".join(f"  {line}" for line in _metadata(key, text))
    rows = [(group, f"{tensors[group]}", f"{parameters[group]:,}") for group in parameters]
    yield "parts", table(("part", "tensors", "numbers"), rows)


def _metadata(key: str, text: str) -> Iterable[str]:
    if key == "categories":
        return [", ".join(f"{one['id']} {one['name']}" for one in json.loads(text))]
    return wrapped(flat(json.loads(text))) if text.startswith("{") else [text]


def _store(path: Path) -> Iterator[Part]:
    store = CropStore(path)
    crops, layout = store.table, store.layout
    files = f"{', '.join(layout.arrays)} in {len(store.shards())} shards each"
    yield "", f"{len(store):,} crops of {layout.size} x {layout.size} px: {files}"
    names = [one["name"] for one in layout.categories]
    yield "classes", counted({name: int((crops.label == place).sum()) for place, name in enumerate(names)}, "name")
    sides = crops.window[:, 2:] - crops.window[:, :2]
    others = np.diff(crops.other_start)
    yield "spread", spread({"window width, px": sides[:, 0], "window height, px": sides[:, 1], "other points": others})


def _nothing_more(path: Path) -> Iterator[Part]:
    outputs = json.loads(path.read_text(encoding="utf-8"))["outputs"]
    yield "outputs", "\n".join(f"  {name}  {digest}" for name, digest in outputs.items())


READERS: dict[str, Callable[[Path], Iterator[Part]]] = {
    "coco": _coco,
    "ledger": _ledger,
    "points": _points,
    "split": _split,
    "hidden_ids": partial(_table_of, kind="hidden_ids"),
    "images_table": partial(_table_of, kind="images_table"),
    "quality": _quality,
    "thresholds": _thresholds,
    "score_table": _score_table,
    "scores": _scores,
    "detections": _detections,
    "metrics": _metrics,
    "checkpoint": _checkpoint,
    "store": _store,
    "manifest": _nothing_more,
    "image_facts": show_data.image_facts,
    "warnings": show_data.warnings,
    "images": show_data.images,
    "image": show_data.image,
    "shown": show_data.shown,
    "page": show_report.page,
    "tables": show_report.tables,
    "report_table": show_report.report_table,
    "latex": show_report.latex,
    "curves": show_report.curves,
}
