"""Small crop stores for tests."""

from pathlib import Path

import numpy as np
import torch

from wssis.formats.crop_store import CropLayout, CropTable, create_store, write_shard
from wssis.geometry.heatmaps import gaussian_maps

CATEGORIES = [{"id": 3, "name": "a"}, {"id": 9, "name": "b"}]
SIZE = 64


def write_random_store(path: Path, count: int, has_target: bool = True) -> Path:
    """A store of `count` random crops in one shard, with smooth images and discs as masks."""
    rng = np.random.default_rng(5)
    start = np.cumsum([0, *(i % 3 for i in range(count))]).astype(np.int64)
    point = rng.uniform(12, SIZE - 12, (count, 2)).astype(np.float32)
    window = np.array([(3, 4, 3 + 20 + i, 4 + 50 - i) for i in range(count)], np.int32).reshape(-1, 4)
    table = CropTable(
        point=point,
        other_points=rng.uniform(0, SIZE, (int(start[-1]), 2)).astype(np.float32),
        other_start=start,
        label=np.arange(count, dtype=np.int64) % 2,
        window=window,
        proposal_id=np.arange(count, dtype=np.int64),
        image_id=np.arange(count, dtype=np.int64) + 70,
        point_id=np.arange(count, dtype=np.int64) + 50,
    )
    create_store(path, CropLayout(SIZE, max(1, count), has_target, CATEGORIES, 6.0, 19), table)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    distance = np.hypot(columns - point[:, 0, None, None], rows - point[:, 1, None, None])
    image = np.stack([columns + 0 * distance, rows + 0 * distance, 2 * distance], axis=-1)
    pixels = {
        "image": image.clip(0, 255).astype(np.uint8),
        "rough": (distance < 8).astype(np.uint8),
        "heatmap": (gaussian_maps(torch.from_numpy(point), SIZE, 6.0, 19) * 255).round().byte().numpy(),
    }
    if has_target:
        pixels["target"] = (distance < 11).astype(np.uint8)
    write_shard(path, 0, pixels)
    return path
