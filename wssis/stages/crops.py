"""Stage crops: one window per proposal, cut to the refiner's tensors (`method.md`, MaskRefineNet, Crop)."""

from pathlib import Path
from typing import Any

from wssis.config.mask_stages import CropsSettings
from wssis.engine.crop_plan import PlannedCrop, crop_table, medians_of, plan_crops
from wssis.engine.crop_rendering import render_store
from wssis.formats.atomic import temporary_folder
from wssis.formats.crop_store import CropLayout, create_store, is_store, records_per_shard
from wssis.formats.image_files import image_row
from wssis.formats.images_table import read_images_table
from wssis.formats.labels_file import read_labels
from wssis.formats.manifest import StageRun


def run(
    settings: CropsSettings,
    proposals: Path,
    median_boxes_from: Path,
    image_dir: Path,
    images_table: Path,
    out: Path,
    targets: Path | None = None,
    workers: int = 0,
    temporary: bool = False,
) -> None:
    """Write the store `out` (NAME.zarr) and its manifest beside it.

    Args:
        proposals: proposals/{side}.json.
        median_boxes_from: full.json, for windows around points whose rough mask is empty.
        targets: full.json to pair proposals with their own objects (full side), or None (weak side).
        workers: processes that render shards; the result does not depend on it.
        temporary: the store will be deleted once it has been read; the manifest says so and stays.
    """
    inputs = {"proposals": proposals, "median_boxes_from": median_boxes_from, "images_table": images_table}
    if targets is not None:
        inputs["targets"] = targets
    with StageRun("crops", out.with_name(f"{out.name}.manifest.json"), settings, inputs) as stage:
        stage.retained = not temporary
        proposed = read_labels(proposals, "segmentation", "point", "point_id")
        medians = medians_of(read_labels(median_boxes_from, "segmentation"), median_boxes_from)
        objects = None if targets is None else read_labels(targets, "segmentation")
        crops = plan_crops(proposed, medians, objects, settings)
        table = read_images_table(images_table, "train")
        rows = {crop.image_id: image_row(table, crop.image_id, images_table) for crop in crops}
        layout = _layout(settings, proposed, has_target=targets is not None)
        with temporary_folder(out, is_store) as temporary:
            create_store(temporary, layout, crop_table(crops, proposed, settings.size))
            empty_targets = render_store(temporary, layout, crops, rows, image_dir, settings, workers)
        stage.counts.update(_counts(crops, empty_targets))
        stage.output(out)


def _layout(settings: CropsSettings, proposals: dict[str, Any], has_target: bool) -> CropLayout:
    categories = sorted(proposals["categories"], key=lambda category: category["id"])
    return CropLayout(
        size=settings.size,
        shard_records=records_per_shard(settings.size, settings.shard_megabytes),
        has_target=has_target,
        categories=[{"id": category["id"], "name": category["name"]} for category in categories],
        heatmap_sigma=settings.heatmap_sigma,
        heatmap_radius=settings.heatmap_radius,
        soft=settings.rough == "soft",
    )


def _counts(crops: list[PlannedCrop], empty_targets: int) -> dict[str, int]:
    return {
        "crops": len(crops),
        "images": len({crop.image_id for crop in crops}),
        "objects": len({crop.point_id for crop in crops}),
        "rough_empty": sum(1 for crop in crops if crop.rough is None),
        "target_outside_window": empty_targets,
    }
