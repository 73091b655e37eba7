"""The font of words painted onto pictures."""

from functools import cache
from pathlib import Path

import matplotlib
from PIL import ImageFont


@cache
def text_font(px: int) -> ImageFont.FreeTypeFont:
    """The font that matplotlib brings along, of a size in px; Pillow's own may lack all letters beyond ASCII."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", px)
