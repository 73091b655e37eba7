"""Row: bytes of a refiner sample on disk, 256 px, 80 classes, against the float32 tensor with 85 channels.

All of the store counts: its table, its heat maps for the reader's eye, and the targets that the tensor does not hold.
"""

import tempfile
from pathlib import Path

from benchmarks.crop_scenes import CLASSES, CROP_SIZE, crop_scene
from benchmarks.measuring import Conditions, Row, Work
from benchmarks.references.crop_tensors import float_sample

IMAGES, OBJECTS = 20, 7


def rows(_: Conditions) -> list[Row]:
    """The one row."""
    return [Row("crop store, bytes per sample", _sides, 100.0, "disk", "bytes")]


def _sides() -> tuple[Work, Work]:
    with tempfile.TemporaryDirectory() as name:
        scene = crop_scene(Path(name), IMAGES, OBJECTS)
        files = [path for path in (Path(name) / "crops.zarr").rglob("*") if path.is_file()]
        ours = sum(path.stat().st_size for path in files) / len(scene.store)
        crop = scene.crops[0]
        tensor, _ = float_sample(crop, Path(name) / scene.rows[crop.image_id].file_name, CLASSES, CROP_SIZE)
    return lambda: ours, lambda: tensor.nbytes
