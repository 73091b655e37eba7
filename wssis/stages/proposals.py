"""Stage proposals: the teacher's dense predictions, filtered by the points (`method.md`, Point-guided proposals)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from wssis.config.mask_stages import ProposalsSettings
from wssis.engine.corrupting import corrupt_proposals
from wssis.engine.distributed import this_world
from wssis.engine.predictor import check_categories, load_segmentor, refuse_imported_snapshot
from wssis.engine.progress import Progress
from wssis.engine.proposing import PointedObject, Proposal, Tally, numbered, propose
from wssis.engine.reproducible import reproducible
from wssis.errors import InputError
from wssis.formats.coco import annotations_by_image, read_coco, write_coco
from wssis.formats.coco_stream import annotations_of, read_frame
from wssis.formats.image_files import image_row
from wssis.formats.images_table import ImageRow, read_images_table
from wssis.formats.labels_file import check_labels, checked
from wssis.formats.ledger import LedgerRow, open_ledger
from wssis.formats.manifest import StageRun
from wssis.formats.points import read_full_points
from wssis.formats.spill import Spill
from wssis.formats.split import folds_of

Objects = Mapping[int, Sequence[PointedObject]]


def run(
    settings: ProposalsSettings,
    side: Literal["full", "weak"],
    annotations: Path,
    predictors: Mapping[str, Path],
    images_table: Path,
    image_dir: Path,
    out: Path,
    ledger: Path,
    full_points: Path | None = None,
) -> None:
    """Write the proposals `out` (COCO) and the `ledger` (CSV), one record per point and predictor, and a manifest.

    Args:
        side: weak: every image by the predictor `teacher`. full: each image by `fold{k}` of the fold it is in
            (pairs: crossfit), by `snapshot1` and `snapshot2` (pairs: snapshots) or, for a second round, by `student`
            (pairs: student); by none with pairs: corrupt, where true masks are corrupted instead.
        annotations: weak.json, or full.json.
        predictors: name -> checkpoint of a segmentor.
        full_points: full_points.csv, for the full side only.

    Raises:
        InputError: predictors that do not fit the side, checkpoints of other categories, objects without a point.
    """
    expected = expected_predictors(settings, side)
    if sorted(predictors) != sorted(expected):
        needed = f"--predictor {', '.join(expected)}" if expected else "no --predictor"
        raise InputError(f"propose --side {side} needs {needed}; given {sorted(predictors)}")
    inputs = {"annotations": annotations, "images_table": images_table, **predictors}
    if full_points is not None:
        inputs["full_points"] = full_points
    with StageRun("proposals", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        frame = read_frame(annotations)
        check_labels(frame, annotations)
        objects = pointed_objects(frame, side, annotations, full_points)
        table = read_images_table(images_table, "train")
        images = [image_row(table, image["id"], images_table) for image in frame["images"]]
        tally = Tally()
        with Spill[list[Proposal]](out.parent, (image.image_id for image in images)) as found:
            if side == "full" and settings.pairs == "corrupt":
                _corrupt(found, settings, images, annotations, objects)
            for name, part in shares(settings, side, images, frame).items():
                _predict(found, settings, name, predictors[name], part, frame, annotations, objects, image_dir)
            with open_ledger(ledger) as write_row:
                made = _annotations(found, images, write_row, tally)
                write_coco(out, {"images": frame["images"], "annotations": made, "categories": frame["categories"]})
        stage.counts.update(
            images=len(images),
            images_without_objects=sum(not group for group in objects.values()),
            points=sum(map(len, objects.values())),
            **tally.counts(),
        )
        stage.output(out, ledger)


def _corrupt(
    found: Spill[list[Proposal]], settings: ProposalsSettings, images: Sequence[ImageRow], annotations: Path,
    objects: Objects,
) -> None:  # fmt: skip
    """The records of all images with objects, made from their true masks."""
    by_image = annotations_by_image(read_coco(annotations))
    made = corrupt_proposals(images, by_image, objects, settings.corrupt_seed)
    with Progress("propose, corrupt", sum(bool(objects[image.image_id]) for image in images)) as progress:
        for number, (image_id, records) in enumerate(made, start=1):
            found[image_id] = records
            progress.count(number)


def _predict(
    found: Spill[list[Proposal]],
    settings: ProposalsSettings,
    name: str,
    checkpoint: Path,
    images: Sequence[ImageRow],
    frame: Mapping[str, Any],
    annotations: Path,
    objects: Objects,
    image_dir: Path,
) -> None:
    """Add the records of one predictor to those found; they go to the disk at once."""
    device = this_world().device
    segmentor = load_segmentor(checkpoint, device)
    check_categories(segmentor, frame["categories"], checkpoint, annotations)
    refuse_imported_snapshot(segmentor, name, checkpoint)
    with reproducible(device, settings.inference.threads):
        for image_id, records in propose(segmentor, name, images, objects, image_dir, settings):
            found[image_id] = [*(found[image_id] if image_id in found else []), *records]


def _annotations(
    found: Spill[list[Proposal]], images: Sequence[ImageRow], write_row: Callable[[LedgerRow], object], tally: Tally
) -> Iterator[dict[str, Any]]:
    """The annotations of all images, numbered; on the way, their rows are written into the ledger and counted."""
    first = 1
    for image in images:
        if image.image_id in found:
            annotations, rows = numbered(found[image.image_id], first)
            first += len(annotations)
            for row in rows:
                write_row(row)
                tally.count(row)
            yield from annotations


def expected_predictors(settings: ProposalsSettings, side: Literal["full", "weak"]) -> list[str]:
    """Names of the predictors that a side needs."""
    if side == "weak":
        return ["teacher"]
    match settings.pairs:
        case "crossfit":
            return [f"fold{k}" for k in range(settings.folds)]
        case "snapshots":
            return ["snapshot1", "snapshot2"]
        case "student":
            return ["student"]
        case "corrupt":
            return []


def shares(
    settings: ProposalsSettings, side: Literal["full", "weak"], images: Sequence[ImageRow], frame: Mapping[str, Any]
) -> dict[str, Sequence[ImageRow]]:
    """Predictor -> the images it predicts: with crossfit, those it was not trained on.

    frame: the annotations without their objects.
    """
    names = expected_predictors(settings, side)
    if side == "weak" or settings.pairs != "crossfit":
        return {name: images for name in names}
    fold = folds_of(frame["images"], settings.folds, settings.fold_seed, settings.group_key)
    return {name: [image for image in images if fold[image.image_id] == k] for k, name in enumerate(names)}


def pointed_objects(
    frame: Mapping[str, Any], side: Literal["full", "weak"], annotations: Path, full_points: Path | None
) -> Objects:
    """Image id -> its objects in file order; crowd regions have no point and are left out.

    frame: the file `annotations` without its annotations, which are read one after another.

    Raises InputError where an object has no point, or the full side comes without full_points.csv.
    """
    if side == "full" and full_points is None:
        raise InputError("propose --side full needs --full-points")
    points = None if full_points is None or side == "weak" else read_full_points(full_points)
    objects: dict[int, list[PointedObject]] = {image["id"]: [] for image in frame["images"]}
    keys = ("point",) if points is None else ("segmentation",)
    for annotation in checked(annotations_of(annotations), frame, annotations, *keys):
        if not annotation.get("iscrowd", 0):
            objects[annotation["image_id"]].append(_object(annotation, points, annotations))
    return objects


def _object(
    annotation: Mapping[str, Any], points: Mapping[int, tuple[float, float]] | None, path: Path
) -> PointedObject:
    """With its point from `points`, or its own where there are none."""
    if points is not None and annotation["id"] not in points:
        raise InputError(f"{path}: annotation {annotation['id']} has no point; run points again")
    x, y = annotation["point"] if points is None else points[annotation["id"]]
    return PointedObject(annotation["id"], annotation["category_id"], (float(x), float(y)))
