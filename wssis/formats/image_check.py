"""One image file as its annotations have it: whether it can be trained on, and what is odd about it.

Pixels are taken as they are stored, 8 bits a channel, and turned into RGB by Pillow's `convert`, as training does:
palettes and grey values exactly, CMYK and YCbCr by Pillow's formulas (no colour profile), transparency dropped.
"""

import errno
import hashlib
import io
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from wssis.formats.coco_check import LARGEST
from wssis.formats.images_table import ImageRow
from wssis.formats.near_names import missing_but_near
from wssis.formats.remark import Fault, Remark

DEEP_MODES = ("I", "F")
"""Beginnings of Pillow's modes with more than 8 bits a channel: `convert` clips them at 255."""
LARGEST_FILE = 2**30
"""Bytes; a file of more is no image of at most LARGEST pixels."""
STILL = ("MPO",)
"""Formats whose further pictures are previews of the first."""
ORIENTATION = 0x0112
"""EXIF's tag; 1 is upright, 5 to 8 change width for height."""
THUMBNAIL = 16
"""Side of the grey picture by which images are compared, px."""
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class ExpectedImage:
    """One image as its annotation file has it.

    Attributes:
        part: name of the part of the data it belongs to, such as train.
        size: width, height, px; None where the file does not say.
        points: annotation id, x, y in pixel indices, of the points clicked in it.
    """

    part: str
    image_id: int
    file_name: str
    folder: Path
    size: tuple[int, int] | None
    points: tuple[tuple[int, float, float], ...] = ()


@dataclass(frozen=True)
class SeenImage:
    """An image that is sound.

    Attributes:
        row: its row of images.csv.
        mode: Pillow's name of the kind of pixels, such as RGB, L, P, RGBA, CMYK.
        orientation: as EXIF has it; 1 is upright.
        thumbnail: grey values of THUMBNAIL x THUMBNAIL px, row by row.
        flat_points: annotation ids of points amid pixels of one colour. border_points: on the outermost pixels.
        beside_border: number of points on the pixels next to the outermost ones.
    """

    row: ImageRow
    mode: str
    orientation: int
    thumbnail: bytes
    flat_points: tuple[int, ...] = ()
    border_points: tuple[int, ...] = ()
    beside_border: int = 0


def check_image(expected: ExpectedImage) -> SeenImage | Remark:
    """Decode one image wholly and hash its file."""
    path = expected.folder / expected.file_name
    found = _content(path)
    if isinstance(found, bytes):
        digest = hashlib.sha256(found).hexdigest()
        found = _seen(found, expected, digest)
    if isinstance(found, Fault):
        return found.at(path, f"image {expected.image_id} of {expected.part}")
    return found


def _content(path: Path) -> bytes | Fault:
    """The bytes of the file at `path`; symbolic links are followed wherever they lead."""
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            return Fault("image file", "is a folder", "name the image in it")
        if not stat.S_ISREG(about.st_mode):
            return Fault("image file", "is no regular file", "put the image itself there")
        if about.st_size > LARGEST_FILE:
            what = f"has {about.st_size / 2**30:.1f} GiB, more than any image that is opened here"
            return Fault("image too large", what, "cut it into tiles")
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return _missing(path)
    except PermissionError:
        return Fault("image unreadable", "may not be read", "correct the permissions of the file and its folders")
    except OSError as error:
        remedy = "put the image itself there" if error.errno == errno.ELOOP else "see that its disk is there and sound"
        return Fault("image unreadable", f"cannot be read ({error.strerror})", remedy)
    return content or Fault("image unreadable", "is empty, 0 bytes", "copy it again or remove it from the annotations")


def _missing(path: Path) -> Fault:
    if path.is_symlink():
        return Fault("image missing", "is a symbolic link to nothing", "mend the link, or put the image itself there")
    if (what := missing_but_near(path)) is not None:
        return Fault("image missing", what, "rename one of them")
    return Fault("image missing", "missing", "put it there, or correct the image folder or file_name")


def _seen(content: bytes, expected: ExpectedImage, digest: str) -> SeenImage | Fault:
    again = "copy it again or remove it from the annotations"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content)) as image:
                orientation = _orientation(image)
                if fault := _bad_header(image, expected.size, orientation):
                    return fault
                mode, size = image.mode, image.size
                pixels = image.convert("RGB")
    except Image.DecompressionBombError:
        return _too_large("many")
    except UnidentifiedImageError:
        return Fault("image unreadable", f"is no image that can be read (it begins with {content[:8]!r})", again)
    except Exception as error:  # On damaged files Pillow's readers raise whatever they stumble over.
        return Fault("image unreadable", f"unreadable or truncated ({error})", again)
    row = ImageRow(expected.part, expected.image_id, expected.file_name, *size, digest)
    thumbnail = pixels.convert("L").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX).tobytes()
    return SeenImage(row, mode, orientation, thumbnail, *_odd_points(pixels, expected))


def _bad_header(image: Image.Image, size: tuple[int, int] | None, orientation: int) -> Fault | None:
    """What is wrong before any pixel is decoded: a bomb never is."""
    width, height = image.size
    if width * height > LARGEST:
        return _too_large(f"{width} x {height}")
    if size is not None and size != image.size:
        what = f"is {width} x {height} px, the annotations say {size[0]} x {size[1]}"
        if size == (height, width) and orientation >= 5:
            what += f": the size after its EXIF orientation ({orientation}), which is ignored here"
            return Fault("image size", what, "turn the pixels themselves, as `mogrify -auto-orient` does")
        return Fault("image size", what, "correct whichever is wrong")
    if image.mode.startswith(DEEP_MODES):
        what = f"has more than 8 bits a channel (mode {image.mode}), of which training would see the lowest alone"
        return Fault("image depth", what, "save it with 8 bits a channel, scaled as you look at it")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format not in STILL:
        what = f"holds {frames} frames or pages"
        return Fault("image of several frames", what, "save the one that is annotated as an image of its own")
    return None


def _too_large(size: str) -> Fault:
    what = f"is {size} px, more than {LARGEST // 10**6} million"
    return Fault("image too large", what, "cut it into tiles, with their annotations")


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # A broken EXIF block may raise anything, and nothing else ever reads it.
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _odd_points(pixels: Image.Image, expected: ExpectedImage) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Ids of points amid pixels of one colour, and on the outermost pixels; the number of those one pixel inside."""
    width, height = pixels.size
    inside = [(n, x, y) for n, x, y in expected.points if -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5]
    flat = tuple(number for number, x, y in inside if is_flat(pixels, x, y))
    depth = {number: min(x, y, width - 1 - x, height - 1 - y) for number, x, y in inside}
    border = tuple(number for number, own in depth.items() if own < 0.5)
    return flat, border, sum(0.5 <= own < 1.5 for own in depth.values())


def is_flat(image: Image.Image, x: float, y: float) -> bool:
    """Whether the pixels around a point, in pixel indices, are all of one colour.

    The window's side is a 25th of the image's short side, and at least 9 px; it is cut off at the image's border.
    """
    width, height = image.size
    reach = max(4, min(width, height) // 50)
    column, row = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
    box = (max(0, column - reach), max(0, row - reach), min(width, column + reach + 1), min(height, row + reach + 1))
    extrema = image.crop(box).getextrema()
    return all(low == high for low, high in extrema)
