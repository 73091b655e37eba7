"""What became of every image, object and point of a run, stage by stage, and whether anything is unaccounted for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wssis.formats.manifest import read_manifest
from wssis.report_page.plan import PlannedArm, PlannedRow

FATES = {
    "kept": "mask of first choice",
    "fallback": "mask of lower rank, the first choice being empty",
    "empty": "no mask on any level",
    "cell_taken": "cell already taken by another point",
    "small": "mask too small",
    "suppressed": "suppressed by a better mask",
    "corrupted": "true masks with mistakes",
    "beyond_top": "beyond the limit of masks per image",
}
SIDES = {
    "weak": ("Point-guided proposals", "points on weak images"),
    "full": ("The refiner's training pairs", "points on full images"),
}


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


def account(rows: Sequence[tuple[PlannedRow, PlannedArm]], dataset_folder: Path) -> list[Step]:
    """The account of one run (one mix and seed).

    Args:
        rows: the run's rows of the plan, with their arms.
        dataset_folder: results/{study}/{dataset}, with prepare.manifest.json.

    Raises:
        InputError: a manifest is missing.
    """
    first = rows[0][0]
    prepared = read_manifest(dataset_folder / "prepare.manifest.json")["counts"]
    split = read_manifest(first.folder("split") / "split.manifest.json")["counts"]
    pointed = [(row, arm) for row, arm in rows if arm.pseudo in ("rough", "refined") and row.shown_file is not None]
    boxed = next((row for row, arm in rows if "points10" in arm.pays), None)
    boxes = None if boxed is None else read_manifest(boxed.folder("box_points") / "box_points.manifest.json")
    points = None
    if pointed:
        points = read_manifest(pointed[0][0].folder("points") / "points.manifest.json")["counts"]
    steps = [_split_step(prepared, split, points, boxes)]
    if points is not None:
        steps.append(_proposals_step(pointed[0][0], "weak", points))
        refined = next((row for row, arm in pointed if arm.pseudo == "refined"), None)
        steps += [] if refined is None else [_proposals_step(refined, "full", points)]
        steps += [_training_step(row, arm, points["full_crowd"], points["weak_points"]) for row, arm in pointed]
    if boxes is not None:
        steps += [
            _training_step(row, arm, split["full_crowd"], boxes["counts"]["boxes"])
            for row, arm in rows
            if arm.pseudo == "boxed"
        ]
    return steps


def _split_step(
    prepared: Mapping[str, int],
    split: Mapping[str, int],
    points: Mapping[str, int] | None,
    boxes: Mapping[str, Any] | None,
) -> Step:
    """The training images by label kind; points: counts of their stage; boxes: manifest of theirs."""
    total = Line(
        "training set", prepared["train_images"], prepared["train_objects"], prepared.get("train_crowd", 0), False
    )
    full = Line("with masks", split.get("full_images", 0), split["full_objects"], split["full_crowd"])
    lines = [total, full]
    here = {} if boxes is None else {boxes["settings"]["label_kind"]: boxes["counts"]}
    if points is not None:
        weak = (points["weak_images"], points["weak_points"], points["weak_crowd"])
        lines += [Line(f"with points ({points['verified_empty']} of the images verified empty)", *weak)]
    elif "point" in here:
        lines += [_box_line(here["point"])]
    elif split.get("point_images", 0):
        lines += [Line("the rest, seen by no arm of this mix", split["point_images"])]
    if "points10" in here:
        lines += [_box_line(here["points10"])]
    elif split.get("points10_images", 0):
        lines += [Line("for boxes, seen by no arm of this mix", split["points10_images"])]
    if split.get("unlabelled_images", 0):
        lines += [Line("nobody looked at", split["unlabelled_images"])]
    return Step("Images and objects", tuple(lines), _missing(lines))


def _box_line(counts: Mapping[str, int]) -> Line:
    title = f"with boxes, {counts['points']} points in them ({counts['verified_empty']} of the images verified empty)"
    return Line(title, counts["box_images"], counts["boxes"], counts.get("crowd", 0))


def _missing(lines: Sequence[Line]) -> int:
    """Images not in any part; and objects and crowd, where every part knows its own."""
    total, parts = lines[0], lines[1:]
    keys = ["images"] + (["objects", "crowd"] if all(part.objects is not None for part in parts) else [])
    return sum(abs(getattr(total, key) - sum(getattr(part, key) for part in parts)) for key in keys)


def _proposals_step(row: PlannedRow, side: Literal["full", "weak"], points: Mapping[str, int]) -> Step:
    """Points of one side by what became of them; on the full side, two snapshots make two records per point."""
    counts = read_manifest(row.folder(f"proposals/{side}") / f"proposals/{side}.json.manifest.json")["counts"]
    given = points[f"{side}_points"]
    times = 2 if "predictor_snapshot2" in counts else 1
    title, what = SIDES[side]
    fates = {key.removeprefix("status_"): number for key, number in counts.items() if key.startswith("status_")}
    known = [fate for fate in FATES if fates.get(fate)] + sorted(set(fates) - set(FATES))
    lines = [Line(what if times == 1 else f"{what}, by two snapshots", counts["images"], times * given, part=False)]
    lines += [Line(FATES.get(fate, fate), objects=fates[fate]) for fate in known]
    return Step(title, tuple(lines), abs(times * given - sum(fates.values())))


def _training_step(row: PlannedRow, arm: PlannedArm, full_crowd: int, weak_objects: int) -> Step:
    """What a student trains on, against what the pseudo set was put together from: crowd regions, points or boxes."""
    made = read_manifest(row.folder("pseudo") / f"pseudo/{row.arm}.json.manifest.json")["counts"]
    trained = read_manifest(row.network / "manifest.json")["counts"]
    crowd = " and crowd regions" if full_crowd else ""
    what = "boxes" if arm.pseudo == "boxed" else "points"
    lines = [
        Line("what the student trains on", trained["images"], trained["objects"], part=False),
        Line(f"true masks{crowd}", made["full_images"], made["full_annotations"]),
        Line("pseudo masks", made["weak_images"], made["pseudo_masks"]),
        Line(f"{what} kept without a mask, never background", objects=made["unmasked"]),
    ]
    objects = trained["objects"] - made["full_annotations"] - made["pseudo_masks"] - made["unmasked"]
    lost = weak_objects - made["pseudo_masks"] - made["unmasked"]
    images = trained["images"] - made["full_images"] - made["weak_images"]
    return Step(f"Training set of {arm.title}", tuple(lines), abs(objects) + abs(lost) + abs(images))
