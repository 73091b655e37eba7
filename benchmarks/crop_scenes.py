"""Crops of photographs with drawn objects: files, annotations, and a crop store made of them by the package itself.

Photographs are real, because noise or flat colours would say nothing about bytes; they are those of scikit-image.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as mask_api

from wssis.config.mask_stages import CropsSettings
from wssis.engine.crop_plan import PlannedCrop, crop_table, plan_crops
from wssis.engine.crop_rendering import render_store
from wssis.formats.crop_store import CropLayout, CropStore, create_store, records_per_shard
from wssis.formats.images_table import ImageRow
from wssis.formats.photographs import read_photographs
from wssis.geometry.windows import MedianBoxes

WIDTH, HEIGHT = 640, 480
JPEG_QUALITY = 95
CLASSES = 80
CROP_SIZE = 256
VERTICES = 24
WOBBLE = 0.12
"""Standard deviation of an outline's radius, over the radius."""


@dataclass(frozen=True)
class CropScene:
    """Images on disk, the planned crops in the store's order, and the store."""

    folder: Path
    rows: dict[int, ImageRow]
    crops: list[PlannedCrop]
    settings: CropsSettings
    store: CropStore


def crop_scene(
    folder: Path, images: int, objects: int, size: int = CROP_SIZE, cache_megabytes: int = 1024
) -> CropScene:
    """Write `images` photographs and a store of `objects` crops of each into an empty folder."""
    rows = {
        number: _write_image(folder, number, picture) for number, picture in enumerate(_photographs(images), start=1)
    }
    proposals, full = _annotations(images, objects)
    settings = CropsSettings(size=size)
    crops = plan_crops(proposals, MedianBoxes({}, (64.0, 64.0)), full, settings)
    layout = CropLayout(size, records_per_shard(size, 16), True, proposals["categories"], 6.0, 19)
    create_store(folder / "crops.zarr", layout, crop_table(crops, proposals, size))
    render_store(folder / "crops.zarr", layout, crops, rows, folder, settings, workers=0)
    return CropScene(folder, rows, crops, settings, CropStore(folder / "crops.zarr", cache_megabytes))


def _photographs(count: int) -> list[np.ndarray]:
    """Photographs of 640 x 480 px, again and again the same ones, mirrored every other time round."""
    pictures = [_resized(picture) for picture in read_photographs("train")]
    return [pictures[i % len(pictures)][:, :: -1 if i // len(pictures) % 2 else 1] for i in range(count)]


def _resized(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))


def _write_image(folder: Path, number: int, picture: np.ndarray) -> ImageRow:
    path = folder / f"{number}.jpg"
    Image.fromarray(np.ascontiguousarray(picture)).save(path, quality=JPEG_QUALITY)
    return ImageRow("train", number, path.name, WIDTH, HEIGHT, hashlib.sha256(path.read_bytes()).hexdigest())


def _annotations(images: int, objects: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Proposals (rough outlines) and full annotations (the objects' own) of all images, as COCO."""
    rng = np.random.default_rng(4)
    rough, exact = [], []
    for number in range(1, images * objects + 1):
        radius = HEIGHT / 2 * 2.0 ** -rng.uniform(0.5, 4)
        centre = rng.uniform((radius, radius), (WIDTH - radius, HEIGHT - radius))
        common = {"image_id": (number - 1) // objects + 1, "category_id": int(rng.integers(1, CLASSES + 1))}
        exact.append({"id": number, **common, "segmentation": outline(rng, centre, radius)})
        mask = {"point_id": number, "point": centre.tolist(), "segmentation": outline(rng, centre, radius)}
        rough.append({"id": number, **common, **mask})
    files = [{"id": i, "width": WIDTH, "height": HEIGHT} for i in range(1, images + 1)]
    common = {"images": files, "categories": [{"id": i, "name": str(i)} for i in range(1, CLASSES + 1)]}
    return {**common, "annotations": rough}, {**common, "annotations": exact}


def outline(rng: np.random.Generator, centre: np.ndarray, radius: float) -> dict[str, Any]:
    """Compressed RLE of an irregular closed outline around `centre` [x, y], px."""
    angle = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
    reach = radius * (1 + WOBBLE * rng.standard_normal(VERTICES)).clip(0.3, 2)
    polygon = np.stack([centre[0] + reach * np.cos(angle), centre[1] + reach * np.sin(angle)], 1)
    return mask_api.frPyObjects([polygon.clip(0, (WIDTH, HEIGHT)).ravel().tolist()], HEIGHT, WIDTH)[0]
