"""Stage proposals: the teacher's dense predictions, filtered by the points (`method.md`, Point-guided proposals)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from wssis.config.stages import ProposalsSettings
from wssis.engine.distributed import this_world
from wssis.engine.predictor import check_categories, load_segmentor, refuse_imported_snapshot
from wssis.engine.proposing import PointedObject, Proposal, numbered, propose
from wssis.engine.reproducible import reproducible
from wssis.errors import InputError
from wssis.formats.coco import annotations_by_image, read_coco, write_coco
from wssis.formats.image_files import image_row
from wssis.formats.images_table import ImageRow, read_images_table
from wssis.formats.ledger import LedgerRow, write_ledger
from wssis.formats.manifest import StageRun
from wssis.formats.points import read_full_points
from wssis.formats.split import assign_folds

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
            (pairs: crossfit), or by `snapshot1` and `snapshot2` (pairs: snapshots).
        annotations: weak.json, or full.json.
        predictors: name -> checkpoint of a segmentor.
        full_points: full_points.csv, for the full side only.

    Raises:
        InputError: predictors that do not fit the side, checkpoints of other categories, objects without a point.
    """
    expected = expected_predictors(settings, side)
    if sorted(predictors) != sorted(expected):
        raise InputError(f"propose --side {side} needs --predictor {', '.join(expected)}; given {sorted(predictors)}")
    inputs = {"annotations": annotations, "images_table": images_table, **predictors}
    if full_points is not None:
        inputs["full_points"] = full_points
    with StageRun("proposals", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        coco = read_coco(annotations)
        objects = pointed_objects(coco, side, annotations, full_points)
        table = read_images_table(images_table, "train")
        images = [image_row(table, image["id"], images_table) for image in coco["images"]]
        found: dict[int, list[Proposal]] = {image.image_id: [] for image in images}
        for name, part in shares(settings, side, images).items():
            for image_id, records in _predicted(
                settings, name, predictors[name], part, coco, annotations, objects, image_dir
            ):
                found[image_id] += records
        proposed, rows = numbered([record for records in found.values() for record in records])
        write_coco(out, {"images": coco["images"], "annotations": proposed, "categories": coco["categories"]})
        write_ledger(ledger, rows)
        stage.counts.update(counts(coco, objects, rows))
        stage.output(out, ledger)


def _predicted(
    settings: ProposalsSettings,
    name: str,
    checkpoint: Path,
    images: Sequence[ImageRow],
    coco: Mapping[str, Any],
    annotations: Path,
    objects: Objects,
    image_dir: Path,
) -> list[tuple[int, list[Proposal]]]:
    """Records of one predictor."""
    device = this_world().device
    segmentor = load_segmentor(checkpoint, device)
    check_categories(segmentor, coco["categories"], checkpoint, annotations)
    refuse_imported_snapshot(segmentor, name, checkpoint)
    with reproducible(device, settings.inference.threads):
        return list(propose(segmentor, name, images, objects, image_dir, settings))


def expected_predictors(settings: ProposalsSettings, side: Literal["full", "weak"]) -> list[str]:
    """Names of the predictors that a side needs."""
    if side == "weak":
        return ["teacher"]
    return [f"fold{k}" for k in range(settings.folds)] if settings.pairs == "crossfit" else ["snapshot1", "snapshot2"]


def shares(
    settings: ProposalsSettings, side: Literal["full", "weak"], images: Sequence[ImageRow]
) -> dict[str, Sequence[ImageRow]]:
    """Predictor -> the images it predicts: with crossfit, those it was not trained on."""
    names = expected_predictors(settings, side)
    if side == "weak" or settings.pairs == "snapshots":
        return {name: images for name in names}
    fold = assign_folds([image.image_id for image in images], settings.folds, settings.fold_seed)
    return {name: [image for image in images if fold[image.image_id] == k] for k, name in enumerate(names)}


def pointed_objects(
    coco: Mapping[str, Any], side: Literal["full", "weak"], annotations: Path, full_points: Path | None
) -> Objects:
    """Image id -> its objects in file order; crowd regions have no point and are left out.

    Raises InputError where an object has no point, or the full side comes without full_points.csv.
    """
    if side == "weak":
        points = {a["id"]: tuple(a["point"]) for a in coco["annotations"]}
    elif full_points is None:
        raise InputError("propose --side full needs --full-points")
    else:
        points = read_full_points(full_points)
    return {
        image: [_object(annotation, points, annotations) for annotation in group if not annotation.get("iscrowd", 0)]
        for image, group in annotations_by_image(coco).items()
    }


def _object(annotation: Mapping[str, Any], points: Mapping[int, tuple[float, float]], path: Path) -> PointedObject:
    if annotation["id"] not in points:
        raise InputError(f"{path}: annotation {annotation['id']} has no point; run points again")
    x, y = points[annotation["id"]]
    return PointedObject(annotation["id"], annotation["category_id"], (float(x), float(y)))


def counts(coco: Mapping[str, Any], objects: Objects, rows: Sequence[LedgerRow]) -> dict[str, int]:
    """What the manifest says: images, points, records by status, records by predictor, and oddities."""
    return {
        "images": len(coco["images"]),
        "images_without_objects": sum(not group for group in objects.values()),
        "points": sum(map(len, objects.values())),
        "records": len(rows),
        "masks": sum(bool(row.area) for row in rows),
        **{f"status_{word}": n for word, n in sorted(Counter(row.status for row in rows).items())},
        **{f"predictor_{name}": n for name, n in sorted(Counter(row.predictor for row in rows).items())},
        "own_point_outside": sum(row.own_point_inside is False for row in rows),
        "with_foreign_points": sum(bool(row.foreign_points) for row in rows),
        "sharing_a_mask": sum(bool(row.shares_mask_with) for row in rows),
    }
