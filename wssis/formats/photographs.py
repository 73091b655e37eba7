"""The photographs that scikit-image ships in its wheel; nothing is downloaded."""

from pathlib import Path

import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image

from wssis.errors import InputError

PHOTOGRAPHS: dict[str, tuple[str, ...]] = {
    "train": (
        "astronaut.png",
        "chelsea.png",
        "motorcycle_left.png",
        "ihc.png",
        "rocket.jpg",
        "retina.jpg",
        "gravel.png",
        "brick.png",
        "moon.png",
        "page.png",
    ),
    "val": ("coffee.png", "camera.png", "grass.png", "hubble_deep_field.jpg", "text.png"),
}
"""Subset -> file names. Not one photograph is in both; the two views of the motorcycle count as one."""


def photograph_paths(subset: str) -> list[Path]:
    """Files of a subset ("train" or "val").

    Raises:
        InputError: a file is not where scikit-image's wheels have it.
    """
    folder = Path(skimage.__file__).parent / "data"
    paths = [folder / name for name in PHOTOGRAPHS[subset]]
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: not found; install scikit-image from its wheel (pip install scikit-image)")
    return paths


def read_photographs(subset: str) -> list[NDArray[np.uint8]]:
    """The photographs of a subset, RGB uint8 (H, W, 3), none wider or higher than 720 px."""
    photographs = []
    for path in photograph_paths(subset):
        with Image.open(path) as image:
            picture = image.convert("RGB")
            picture.thumbnail((720, 720))
            photographs.append(np.asarray(picture))
    return photographs
