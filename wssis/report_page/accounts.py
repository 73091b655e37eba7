"""What became of every image, object and point of a run, stage by stage, and whether anything is unaccounted for."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wssis.errors import InputError
from wssis.formats.manifest import read_manifest
from wssis.report_page.plan import PlannedRow

FATES = {
    "kept": "mask from the best level",
    "fallback": "mask from a lower-ranked level, the best being empty",
    "empty": "no mask on any level",
    "cell_taken": "cell already taken by another point",
    "small": "mask too small",
    "suppressed": "suppressed by a better mask",
    "beyond_top": "beyond the limit of masks per image",
}
LABELS = {"masked": "pseudo mask", "unmasked": "kept without a mask (never background)", "dropped": "left out"}


@dataclass(frozen=True)
class Line:
    """One line of the account: images, objects (or points) and crowd regions; None where they do not apply."""

    what: str
    images: int | None = None
    objects: int | None = None
    crowd: int | None = None
    part: bool = True


@dataclass(frozen=True)
class Step:
    """One stage: a total, the parts it falls into, and what is missing between the two."""

    title: str
    lines: tuple[Line, ...]
    missing: int

    @property
    def complete(self) -> bool:
        """Whether the parts add up."""
        return self.missing == 0


def account(rows: Sequence[PlannedRow], dataset_folder: Path) -> list[Step]:
    """The account of one run (one mix and seed).

    Args:
        rows: the plan's rows of this run.
        dataset_folder: results/{study}/{dataset}, with prepare.manifest.json.

    Raises:
        InputError: a manifest or ledger is missing.
    """
    run = Path(rows[0].run)
    prepared = read_manifest(dataset_folder / "prepare.manifest.json")["counts"]
    split = read_manifest(run / "split.manifest.json")["counts"]
    measured = [row for row in rows if row.quality is not None]
    if not measured:
        return [_split_step(prepared, split, None)]
    points = read_manifest(run / "points.manifest.json")["counts"]
    steps = [_split_step(prepared, split, points), _ledger_step(run / "proposals" / "weak.csv", points)]
    return steps + [_label_step(row, points) for row in measured]


def _split_step(prepared: Mapping[str, int], split: Mapping[str, int], points: Mapping[str, int] | None) -> Step:
    total = Line(
        "training set", prepared["train_images"], prepared["train_objects"], prepared.get("train_crowd", 0), False
    )
    full = Line("with masks", split.get("full_images", 0), split["full_objects"], split["full_crowd"])
    lines = [total, full]
    if points is not None:
        weak = (points["weak_images"], points["weak_points"], points["weak_crowd"])
        lines += [Line(f"with points ({points['verified_empty']} of the images verified empty)", *weak)]
    elif split.get("point_images", 0):
        lines += [Line("the rest, seen by no arm of this mix", split["point_images"])]
    if split.get("unlabelled_images", 0):
        lines += [Line("nobody looked at", split["unlabelled_images"])]
    return Step("Images and objects", tuple(lines), _missing(lines))


def _missing(lines: Sequence[Line]) -> int:
    """Images not in any part; and objects and crowd, where every part knows its own."""
    total, parts = lines[0], lines[1:]
    keys = ["images"] + (["objects", "crowd"] if all(part.objects is not None for part in parts) else [])
    return sum(abs(getattr(total, key) - sum(getattr(part, key) for part in parts)) for key in keys)


def _ledger_step(ledger: Path, points: Mapping[str, int]) -> Step:
    """Weak points by what the ledger says became of them; a point counts once, with its first record."""
    fates = Counter(record["status"] for record in _records(ledger))
    lines = [Line("points on weak images", points["weak_images"], points["weak_points"], part=False)]
    known = [fate for fate in FATES if fates[fate]] + sorted(set(fates) - set(FATES))
    lines += [Line(FATES.get(fate, fate), objects=fates[fate]) for fate in known]
    return Step("Point-guided proposals", tuple(lines), abs(points["weak_points"] - fates.total()))


def _records(ledger: Path) -> list[dict[str, str]]:
    try:
        with ledger.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except FileNotFoundError:
        raise InputError(f"{ledger}: ledger not found; run the propose stage") from None


def _label_step(row: PlannedRow, points: Mapping[str, int]) -> Step:
    counts = read_manifest(Path(f"{row.quality}.manifest.json"))["counts"]
    lines = [Line("points on weak images", points["weak_images"], points["weak_points"], part=False)]
    lines += [Line(words, objects=counts[key]) for key, words in LABELS.items() if counts[key] or key != "dropped"]
    missing = abs(points["weak_points"] - sum(counts[key] for key in LABELS))
    return Step(f"Training set of {row.arm}", tuple(lines), missing)
