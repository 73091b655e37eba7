"""PNG label images: one value for each pixel, which stands for an instance or a class."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from wssis.errors import InputError

ONE_VALUE = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L")
"""Modes with one number for each pixel; of palette images the index counts, not the colour."""


@dataclass(frozen=True)
class LabelImage:
    """values (H, W) int64: the pixel's number, or its colour as 0xRRGGBB where `coloured`."""

    values: NDArray[np.int64]
    coloured: bool

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        return self.values.shape[1], self.values.shape[0]


def read_label_image(path: Path, by_colour: bool = False) -> LabelImage:
    """Read a label image; by_colour: of a palette image the colours, not the indices.

    Raises:
        InputError: missing, unreadable, cut off, or with an alpha channel or fractions.
    """
    try:
        with Image.open(path) as picture:
            mode = "RGB" if by_colour and picture.mode == "P" else picture.mode
            pixels = np.array(picture.convert(mode))
    except FileNotFoundError:
        raise InputError("missing; put it there, or remove its counterpart") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"unreadable or cut off ({error}); export it again") from None
    if mode in ONE_VALUE:
        return LabelImage(pixels.astype(np.int64), coloured=False)
    if mode == "RGB":
        return LabelImage(pixels.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1]), coloured=True)
    raise InputError(f"is of mode {mode}; save it as a PNG of one channel (8 or 16 bit, or palette)")


def colour(red: int, green: int, blue: int) -> int:
    """A colour as one number.

    >>> hex(colour(255, 128, 1))
    '0xff8001'
    """
    return red << 16 | green << 8 | blue
