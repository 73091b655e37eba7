"""From planned crops to pixels: one shard at a time, in this process or in workers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pycocotools import mask as mask_api
from tqdm import tqdm

from wssis.config.mask_stages import CropsSettings
from wssis.engine.crop_plan import PlannedCrop, Rle
from wssis.formats.crop_store import CropLayout, shards, write_shard
from wssis.formats.image_files import read_image
from wssis.formats.images_table import ImageRow
from wssis.geometry.crops import cut_image, cut_rough, cut_soft, cut_target, to_crop
from wssis.geometry.heatmaps import gaussian_maps
from wssis.process_pool import process_pool


@dataclass(frozen=True)
class ShardJob:
    """All that a worker needs to write one shard: `rows` are the images of its crops."""

    path: Path
    first: int
    crops: list[PlannedCrop]
    rows: dict[int, ImageRow]
    image_dir: Path
    settings: CropsSettings
    has_target: bool


def render_store(
    path: Path,
    layout: CropLayout,
    crops: list[PlannedCrop],
    rows: dict[int, ImageRow],
    image_dir: Path,
    settings: CropsSettings,
    workers: int,
) -> int:
    """Write every shard of a created store; with `workers`, that many processes share the shards.

    Returns the number of pairs whose object lies outside its window, so that the target is empty.
    """
    jobs = []
    for first, last in shards(len(crops), layout.shard_records):
        part = crops[first:last]
        needed = {crop.image_id: rows[crop.image_id] for crop in part}
        jobs.append(ShardJob(path, first, part, needed, image_dir, settings, layout.has_target))
    return sum(tqdm(_results(jobs, workers), total=len(jobs), desc="crop shards", disable=None))


def _results(jobs: list[ShardJob], workers: int) -> Iterator[int]:
    if workers < 2 or len(jobs) < 2:
        yield from map(render_shard, jobs)
        return
    with process_pool(min(workers, len(jobs)), _one_thread) as pool:
        yield from pool.map(render_shard, jobs)


def _one_thread() -> None:
    """Workers share the cores among themselves."""
    torch.set_num_threads(1)


def render_shard(job: ShardJob) -> int:
    """Render and write one shard; returns how many of its targets are empty."""
    size, count = job.settings.size, len(job.crops)
    pixels = {name: np.zeros((count, size, size), np.uint8) for name in ("rough", "heatmap")}
    pixels["image"] = np.zeros((count, size, size, 3), np.uint8)
    if job.has_target:
        pixels["target"] = np.zeros((count, size, size), np.uint8)
    image_id, image = None, np.zeros((0, 0, 3), np.uint8)
    for i, crop in enumerate(job.crops):
        if crop.image_id != image_id:
            image_id, image = crop.image_id, read_image(job.image_dir, job.rows[crop.image_id])
        for name, values in render(crop, image, job.settings).items():
            pixels[name][i] = values
    write_shard(job.path, job.first, pixels)
    return sum(1 for target in pixels.get("target", ()) if not target.any())


def render(crop: PlannedCrop, image: np.ndarray, settings: CropsSettings) -> dict[str, np.ndarray]:
    """Pixels of one crop, uint8: image (S, S, 3), rough, heatmap and, with a target, target (S, S)."""
    size, window = settings.size, crop.window
    colour = cut_image(image, window, size, settings.antialias).round().clamp(0, 255).byte()
    point = torch.from_numpy(to_crop(np.array([crop.point]), window, size))
    heat_map = gaussian_maps(point, size, settings.heatmap_sigma, settings.heatmap_radius)[0]
    rendered = {
        "image": colour.permute(1, 2, 0).numpy(),
        "rough": np.zeros((size, size), np.uint8),
        "heatmap": (heat_map * 255).round().byte().numpy(),
    }
    if crop.rough is not None:
        rendered["rough"] = cut_rough(_decoded(crop.rough), window, size)
    if crop.soft is not None:
        rendered["rough"] = cut_soft([_decoded(one) for one in crop.soft], window, size)
    if crop.target is not None:
        rendered["target"] = cut_target(_decoded(crop.target), window, size)
    return rendered


def _decoded(rle: Rle) -> np.ndarray:
    return mask_api.decode(rle)
