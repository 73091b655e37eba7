"""Which kind of artifact a file is, by its name and its content."""

import csv
import json
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path

from wssis.audit.places import is_manifest
from wssis.engine.pseudo_quality import COLUMNS as QUALITY_COLUMNS
from wssis.errors import InputError
from wssis.formats.images_table import COLUMNS as IMAGE_COLUMNS
from wssis.formats.ledger import COLUMNS as LEDGER_COLUMNS
from wssis.formats.points import HIDDEN_COLUMNS, POINT_COLUMNS
from wssis.formats.score_thresholds import COLUMNS as THRESHOLD_COLUMNS
from wssis.formats.scores import SCORE_COLUMNS
from wssis.formats.split import COLUMNS as SPLIT_COLUMNS

TABLES = {
    "split": SPLIT_COLUMNS, "points": POINT_COLUMNS, "hidden_ids": HIDDEN_COLUMNS, "images_table": IMAGE_COLUMNS,
    "ledger": LEDGER_COLUMNS, "quality": QUALITY_COLUMNS, "score_table": SCORE_COLUMNS,
    "thresholds": THRESHOLD_COLUMNS,
}  # fmt: skip
TITLES = {
    "split": "split: the label kind of every image",
    "points": "points: one simulated point for every object",
    "hidden_ids": "hidden ids: from the ids of weak.json to those of train.json",
    "images_table": "images table: size and sha256 of every image",
    "ledger": "ledger: what became of every point, and why",
    "quality": "quality: pseudo masks against hidden truth",
    "thresholds": "thresholds: how sure the teacher must be, class by class, for a detection to become a label",
    "score_table": "scores of the study: one row for every student and teacher",
    "coco": "COCO annotations",
    "detections": "detections of a network on images, without prompts",
    "scores": "scores of one network",
    "metrics": "metrics of a training",
    "checkpoint": "checkpoint: weights of a network",
    "store": "crop store: the refiner's tensors",
    "manifest": "manifest of a stage's run",
}
LINES = (".csv", ".jsonl")
"""Suffixes of files that are written line by line."""
HEAD = 4096
"""Bytes of a JSON file that tell its kind."""


@dataclass(frozen=True)
class Artifact:
    """A file or store and its kind, one of TITLES."""

    path: Path
    kind: str

    @property
    def title(self) -> str:
        """What it is, in words."""
        return TITLES[self.kind]


def recognised(path: Path) -> Artifact:
    """The artifact at a path.

    Raises:
        InputError: there is none, or it is of no kind that is known here.
    """
    if not path.exists():
        raise InputError(f"{path}: not found; correct the path")
    try:
        kind = _kind(path)
    except UnicodeDecodeError:
        raise InputError(f"{path}: not readable as text; run its stage again") from None
    if kind is None:
        raise InputError(
            f"{path}: no artifact that can be shown; give a COCO or scores JSON, a CSV of the package, metrics.jsonl,"
            " a .safetensors file, a .zarr store or a manifest"
        )
    if path.suffix in LINES and not _ends_with_a_line(path):
        raise InputError(f"{path}: its last line is not whole; run its stage again, or wait until it has ended")
    return Artifact(path, kind)


def _ends_with_a_line(path: Path) -> bool:
    """Whether the last line of a text is whole; that of an empty file is."""
    with path.open("rb") as stream:
        end = stream.seek(0, SEEK_END)
        stream.seek(max(0, end - 1))
        return stream.read() in (b"", b"\n")


def _kind(path: Path) -> str | None:
    if path.is_dir():
        return "store" if path.suffix == ".zarr" else None
    if is_manifest(path.name):
        return "manifest"
    match path.suffix:
        case ".safetensors":
            return "checkpoint"
        case ".jsonl":
            return "metrics"
        case ".csv":
            return _of_csv(path)
        case ".json":
            return _of_json(path)
    return None


def _of_csv(path: Path) -> str | None:
    with path.open(encoding="utf-8", newline="") as stream:
        head = tuple(next(csv.reader(stream), ()))
    return next((kind for kind, columns in TABLES.items() if head == columns), None)


def _of_json(path: Path) -> str | None:
    with path.open("rb") as stream:
        head = stream.read(HEAD).lstrip()
    if head.startswith(b"["):
        return "detections"
    if b'"images":[' in head.replace(b": ", b":") or b'"categories":[' in head.replace(b": ", b":"):
        return None if b'"rule"' in head else "coco"
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path}: not readable as JSON ({error}); run its stage again") from None
    return "scores" if isinstance(content, dict) and "max_detections" in content else None
