"""An image file as a browser can show it, pixel for pixel as training reads it (colour profiles aside).

Training reads what Pillow converts to RGB: alpha is dropped, EXIF orientation ignored, of an animation the first
picture taken. Most files a browser shows so by itself; the others are converted to PNG.
"""

import io
from pathlib import Path

from PIL import Image

from wssis.errors import InputError
from wssis.predicting.pictures import EIGHT_BIT, TOO_DEEP, UNREADABLE

BROWSER_FORMATS = {
    "JPEG": "image/jpeg", "PNG": "image/png", "BMP": "image/bmp", "WEBP": "image/webp", "GIF": "image/gif",
}  # fmt: skip
SAME_MODES = ("1", "L", "P", "RGB")
"""Pillow's modes of 8 bits without alpha; a browser shows them as Pillow converts them."""


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of the stored pixels, px.

    Raises:
        InputError: the head of the file cannot be read, or it has more than 8 bits a channel.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in EIGHT_BIT:
                raise InputError(f"{path}: {TOO_DEEP.format(mode=image.mode)}")
            return image.size
    except UNREADABLE as error:
        raise InputError(f"{path}: unreadable ({error}); copy it again, or take it out of the folder") from None


def shown(path: Path) -> tuple[str, bytes]:
    """Media type and bytes: of the file as it is where a browser shows its pixels unchanged, else of a PNG.

    A browser must be told to ignore the EXIF orientation (CSS `image-orientation: none`).

    Raises:
        InputError: the file is missing, unreadable or truncated.
    """
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            if _is_plain(image):
                # A browser shows half a file without a word. A JPEG is quicker to read at an eighth of its size.
                image.draft(None, (image.width // 8 + 1, image.height // 8 + 1))
                image.load()
                return BROWSER_FORMATS[image.format], content
            stream = io.BytesIO()
            # The lowest compression: the page waits for it, and nothing is kept.
            image.convert("RGB").save(stream, "PNG", compress_level=1)
            return "image/png", stream.getvalue()
    except UNREADABLE as error:
        raise InputError(f"{path}: unreadable ({error}); copy it again") from None


def _is_plain(image: Image.Image) -> bool:
    # A PNG of 16 bits a channel has mode RGB, too; Pillow and browsers both keep the upper 8.
    return (
        image.format in BROWSER_FORMATS
        and image.mode in SAME_MODES
        and "transparency" not in image.info
        and getattr(image, "n_frames", 1) == 1
    )
