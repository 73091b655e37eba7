"""Stage predict-points: masks for a user's clicks, by a teacher and a refiner; no stage of a study."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wssis.engine.crop_plan import medians_of
from wssis.engine.distributed import this_world
from wssis.engine.predictor import load_segmentor
from wssis.engine.refining import Refiner, load_refiner
from wssis.engine.reproducible import reproducible
from wssis.formats.coco import write_coco
from wssis.formats.labels_file import read_labels
from wssis.formats.manifest import StageRun, digest_of
from wssis.formats.points import UNMASKED_COLUMNS, to_corners
from wssis.formats.table import write_table
from wssis.predicting.click_masks import REASONS, ClickMasker, check_pair
from wssis.predicting.clicks import Click, clicks_by_picture, read_clicks
from wssis.predicting.foreign_outputs import refuse_foreign_outputs
from wssis.predicting.overlays import painter_of
from wssis.predicting.pictures import Picture, describe_pictures, find_pictures
from wssis.predicting.recorded import PointMaskSettings
from wssis.predicting.result_log import ResultLog
from wssis.predicting.running import (
    Account,
    image_records,
    predict_pictures,
    say_broken,
    say_turned,
    split_records,
    write_skipped,
)

Unmasked = tuple[Click, str, str]
"""A point without a mask, the file_name of its picture (empty: it is not given), and the reason."""
NOT_GIVEN = "its image is not among the images given"


def run(
    settings: PointMaskSettings,
    points: Path,
    teacher: Path,
    refiner: Path | None,
    median_boxes_from: Path | None,
    images: Sequence[Path],
    out: Path,
    overlays: int | None,
) -> int:
    """Write masks.json (COCO), unmasked.csv, overlays/, skipped.csv (if any) and predict_points.manifest.json.

    Args:
        points: JSON in the form of weak.json, or CSV: image, x, y, category.
        teacher: model.safetensors of any segmentor.
        refiner: model.safetensors of a refiner; None: rough masks.
        median_boxes_from: full.json, for windows around points whose rough mask is empty; None: they stay unmasked.
        images: files, or folders of them; images without points are passed over.
        overlays: how many images to paint, the first ones by name; None: all.

    Returns the number of images that were skipped and of points whose image is not there.

    Raises:
        InputError: points that do not fit the images or the teacher, models that do not fit each other.
    """
    inputs = {"points": points, "teacher": teacher, "refiner": refiner, "median_boxes_from": median_boxes_from}
    inputs = {name: path for name, path in inputs.items() if path is not None}
    refuse_foreign_outputs(out, "predict_points", {"masks.json", "unmasked.csv"})
    with StageRun("predict_points", out / "predict_points.manifest.json", settings, inputs) as stage:
        device = this_world().device
        segmentor = load_segmentor(teacher, device)
        trained = _refiner(refiner, segmentor.categories)
        medians = None
        if median_boxes_from is not None:
            medians = medians_of(read_labels(median_boxes_from, "segmentation"), median_boxes_from)
        files = find_pictures(images, out)
        described, skipped = describe_pictures(files.items())
        all_clicks = read_clicks(points, segmentor.categories)
        clicks, missing = clicks_by_picture(points, all_clicks, described, {name: files[name] for name in skipped})
        pictures = [one for one in described if one.file_name in clicks]
        say_turned(pictures)
        key = " ".join([str(stage.code), *(digest_of(path) for path in inputs.values()), settings.model_dump_json()])
        log, account = ResultLog(out / ".masked.jsonl", key), Account()
        painter = painter_of(pictures, out / "overlays", segmentor.categories, overlays, 0.0)
        work = ClickMasker(segmentor, trained, medians, clicks, settings, device)
        inference = settings.proposals.inference
        with reproducible(device, inference.threads):
            predict_pictures(pictures, inference, work, log, painter, account)
        sound, broken = split_records(pictures, log)
        skipped = {**skipped, **broken}
        unmasked = _write(out, sound, segmentor.categories, clicks, log, _unreached(clicks, missing, skipped))
        masks = len(all_clicks) - unmasked
        stage.output(out / "masks.json", out / "unmasked.csv", *write_skipped(out / "skipped.csv", skipped))
        stage.counts |= {"images": len(sound), "skipped": len(skipped), "points": len(all_clicks)}
        stage.counts |= {"masks": masks, "unmasked": unmasked}
    log.remove()
    say_broken(skipped)
    print(account.speed())
    print(f"{out}: {masks} masks for {len(all_clicks)} points; {unmasked} unmasked (unmasked.csv)")
    if missing:
        print(f"{len(missing)} of the unmasked points are on images that were not given, {missing[0].image} for one")
    return len(skipped) + len(missing)


def _refiner(path: Path | None, categories: Sequence[Mapping[str, Any]]) -> Refiner | None:
    if path is None:
        return None
    trained = load_refiner(path)
    check_pair(categories, trained, path)
    return trained


def _write(
    out: Path, pictures: Sequence[Picture], categories: Sequence[Mapping[str, Any]],
    clicks: Mapping[str, Sequence[Click]], log: ResultLog, unreached: Iterable[Unmasked],
) -> int:  # fmt: skip
    """Write masks.json and unmasked.csv, in which `unreached` come last; the number of points without a mask."""
    unmasked: list[Unmasked] = []
    write_coco(out / "masks.json", {
        "images": image_records(pictures),
        "annotations": _annotations(pictures, clicks, log, unmasked),
        "categories": list(categories),
    })  # fmt: skip
    unmasked += unreached
    names = {one["id"]: one["name"] for one in categories}
    write_table(out / "unmasked.csv", UNMASKED_COLUMNS, (_row(*one, names) for one in unmasked))
    return len(unmasked)


def _annotations(
    pictures: Sequence[Picture], clicks: Mapping[str, Sequence[Click]], log: ResultLog, unmasked: list[Unmasked]
) -> Iterator[dict[str, Any]]:
    """COCO annotations of the points with a mask, numbered from 1; `source` says how the mask was made.

    The other points, and why they have no mask, are added to `unmasked` on the way.
    """
    number = 0
    for image_id, picture in enumerate(pictures, 1):
        by_id = {click.id: click for click in clicks[picture.file_name]}
        for one in log.record(picture.file_name)["found"]:
            if one["segmentation"] is None:
                reason = REASONS[one["outcome"]].removeprefix("none: ")
                unmasked.append((by_id[one["point_id"]], picture.file_name, reason))
                continue
            number += 1
            yield {
                "id": number,
                "image_id": image_id,
                "category_id": one["category_id"],
                "segmentation": one["segmentation"],
                "bbox": one["bbox"],
                "area": one["area"],
                "iscrowd": 0,
                "score": one["score"],
                "source": one["outcome"],
                "point": one["point"],
                "point_id": one["point_id"],
            }


def _unreached(
    clicks: Mapping[str, Sequence[Click]], missing: Sequence[Click], skipped: Mapping[str, str]
) -> Iterator[Unmasked]:
    """The points whose image could not be read, or is not there."""
    for name, reason in skipped.items():
        yield from ((click, name, f"its image is {reason}") for click in clicks.get(name, ()))
    yield from ((click, "", NOT_GIVEN) for click in missing)


def _row(click: Click, file_name: str, reason: str, categories: Mapping[int, str]) -> tuple[object, ...]:
    """A row of unmasked.csv."""
    return (click.id, click.image, file_name, *to_corners(click.point), categories[click.category_id], reason)
