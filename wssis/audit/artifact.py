"""Which kind of artifact a file is, by its name and its content."""

import csv
import json
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path

from wssis.audit.listing import listing_of
from wssis.audit.places import is_manifest
from wssis.audit.study_files import is_study
from wssis.engine.pseudo_quality import COLUMNS as QUALITY_COLUMNS
from wssis.errors import InputError
from wssis.formats.image_facts import COLUMNS as FACT_COLUMNS
from wssis.formats.images_table import COLUMNS as IMAGE_COLUMNS
from wssis.formats.importers.image_sizes import SUFFIXES as IMAGE_SUFFIXES
from wssis.formats.ledger import COLUMNS as LEDGER_COLUMNS
from wssis.formats.points import HIDDEN_COLUMNS, POINT_COLUMNS
from wssis.formats.score_thresholds import COLUMNS as THRESHOLD_COLUMNS
from wssis.formats.scores import SCORE_COLUMNS
from wssis.formats.split import COLUMNS as SPLIT_COLUMNS
from wssis.formats.strays import without_strays
from wssis.report_page.tables import FOLDER as TABLES_FOLDER

TABLES = {
    "split": SPLIT_COLUMNS, "points": POINT_COLUMNS, "hidden_ids": HIDDEN_COLUMNS, "images_table": IMAGE_COLUMNS,
    "ledger": LEDGER_COLUMNS, "quality": QUALITY_COLUMNS, "score_table": SCORE_COLUMNS,
    "thresholds": THRESHOLD_COLUMNS, "image_facts": FACT_COLUMNS,
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
    "image_facts": "image facts: what is worth knowing of every image beside its size",
    "warnings": "data warnings: what is worth a look in a data set",
    "shown": "images that the report shows: points, rough masks, pseudo masks, and hidden masks where there are any",
    "curves": "curves: AP against label cost, as wssis budget reads it",
    "page": "page of the report: HTML that fetches nothing",
    "tables": "tables of the report: each as CSV and LaTeX",
    "report_table": "table of the report, as CSV",
    "latex": "table of the report, as LaTeX",
    "images": "images of a data set",
    "image": "image of a data set",
}
KEYS = {"max_detections": "scores", "curves": "curves", "warnings": "warnings"}
"""Key of a JSON object -> its kind."""
LINES = (".csv", ".jsonl")
"""Suffixes of files that are written line by line."""
STORE = ".zarr"
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
    if path.is_file() and path.suffix not in ("", ".jsonl") and not path.stat().st_size:
        raise InputError(f"{path}: is empty; run its stage again")
    try:
        kind = _kind(path)
    except UnicodeDecodeError:
        raise InputError(f"{path}: not readable as text; run its stage again") from None
    if kind is None:
        raise InputError(f"{path}: {_why_not(path)}")
    if path.suffix in LINES and not _ends_with_a_line(path):
        raise InputError(f"{path}: its last line is not whole; run its stage again, or wait until it has ended")
    return Artifact(path, kind)


def _why_not(path: Path) -> str:
    """Why a file or folder cannot be shown, and what can be."""
    listing = listing_of(path)
    if listing is not None and not listing.whole:
        return f"a part of {listing.output}, which is shown as a whole; give that"
    if path.is_dir() and is_study(path):
        return "the folder of a study; give an artifact in it, or see wssis audit and wssis status"
    if path.is_dir():
        return "a folder that is no artifact; give a file or a .zarr store in it"
    return (
        "no artifact that can be shown; give a COCO, scores or other JSON of the package, a CSV of the package,"
        " metrics.jsonl, a .safetensors file, a .zarr store, a page or table of the report, images, or a manifest"
    )


def _ends_with_a_line(path: Path) -> bool:
    """Whether the last line of a text is whole; that of an empty file is."""
    with path.open("rb") as stream:
        end = stream.seek(0, SEEK_END)
        stream.seek(max(0, end - 1))
        return stream.read() in (b"", b"\n")


def _kind(path: Path) -> str | None:
    if path.is_dir():
        return _of_folder(path)
    if any(folder.suffix == STORE for folder in path.parents):
        return None
    if is_manifest(path.name):
        return "manifest"
    match path.suffix.lower():
        case ".safetensors":
            return "checkpoint"
        case ".jsonl":
            return "metrics"
        case ".csv":
            return _of_csv(path)
        case ".json":
            return _of_json(path)
        case ".html":
            return "page"
        case ".tex":
            return "latex" if _in_tables(path) else None
        case suffix:
            return "image" if suffix in IMAGE_SUFFIXES else None


def _of_folder(path: Path) -> str | None:
    """A store, or a folder that has nothing but tables of the report in it, or nothing but images."""
    if path.suffix == STORE:
        return "store"
    suffixes = {one.suffix.lower() for one in without_strays(path)}
    if suffixes and suffixes <= IMAGE_SUFFIXES:
        return "images"
    listing = listing_of(path)
    return "tables" if path.name == TABLES_FOLDER and listing is not None and listing.whole else None


def _in_tables(path: Path) -> bool:
    """Whether a file is in the report's folder of tables."""
    listing = listing_of(path)
    return listing is not None and listing.path.name == TABLES_FOLDER and not listing.whole


def _of_csv(path: Path) -> str | None:
    with path.open(encoding="utf-8", newline="") as stream:
        head = tuple(next(csv.reader(stream), ()))
    known = next((kind for kind, columns in TABLES.items() if head == columns), None)
    return "report_table" if known is None and _in_tables(path) else known


def _of_json(path: Path) -> str | None:
    with path.open("rb") as stream:
        head = stream.read(HEAD).lstrip().replace(b": ", b":")
    if head.startswith(b"["):
        return "detections"
    if b'"images":[' in head or b'"categories":[' in head:
        return "shown" if head.startswith(b'{"rule":') else "coco"
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path}: not readable as JSON ({error}); run its stage again") from None
    return next((kind for key, kind in KEYS.items() if key in content), None) if isinstance(content, dict) else None
