"""Image files: read once, checked against the table of images, decoded to RGB."""

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image

from wssis.errors import InputError
from wssis.formats.images_table import ImageRow

AGAIN = "check the images again (snakemake --forcerun check_images, with the study's --configfile)"


def read_image(folder: Path, row: ImageRow) -> np.ndarray:
    """RGB uint8 (H, W, 3) of an image; EXIF orientation is ignored, as COCO does.

    Raises:
        InputError: the file is missing, is not the one that was checked, or has another size.
    """
    path = Path(folder) / row.file_name
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: image {row.image_id} not found; correct the image folder") from None
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise InputError(f"{path}: image {row.image_id} has changed since it was checked; {AGAIN}")
    with Image.open(io.BytesIO(content)) as image:
        pixels = np.array(image.convert("RGB"))
    if pixels.shape[:2] != (row.height, row.width):
        raise InputError(f"{path}: image {row.image_id} is not {row.width} x {row.height} px; {AGAIN}")
    return pixels


def image_row(rows: dict[int, ImageRow], image_id: int, table: Path) -> ImageRow:
    """Row of an image in the table; InputError, naming the table, where it is missing."""
    if image_id not in rows:
        raise InputError(f"{table}: has no image {image_id}; {AGAIN}")
    return rows[image_id]
