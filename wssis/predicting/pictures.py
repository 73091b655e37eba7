"""Image files as users have them: found in folders, described by their headers, read as the training reads them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from wssis.errors import InputError

EIGHT_BIT = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"})
"""Pillow's modes that `convert("RGB")` turns into 8 bit RGB without guessing a range of values."""
TOO_DEEP = "has more than 8 bits a channel (mode {mode}); convert it to 8 bits"
EXIF_ORIENTATION = 0x0112
UNREADABLE = (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError)


class BrokenPicture(Exception):
    """An image file that cannot be used; the message is the reason, without the file's name."""


@dataclass(frozen=True)
class Picture:
    """An image file whose header could be read.

    file_name: relative to the folder that was given, with slashes; width, height: of the stored pixels, px; stamp:
    bytes and time of the last change (ns), by which a changed file is known; turned: its EXIF orientation, which is
    ignored as in training, would turn or mirror it.
    """

    path: Path
    file_name: str
    width: int
    height: int
    stamp: tuple[int, int]
    turned: bool


def find_pictures(paths: Sequence[Path], out: Path) -> dict[str, Path]:
    """file_name -> file, sorted: the given files, and all image files in the given folders and their subfolders.

    file_name is relative to the folder, if one folder is all that is given, else to the folder common to all. A link is
    named by its own place, not by what it leads to. Hidden files and what is in `out` are passed over; in a folder,
    images are known by their suffix.

    Raises:
        InputError: a path that is not there, or no image at all.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; correct the path")
        for file in _images_in(path, out.resolve()) if path.is_dir() else (path,):
            # Several links may lead to one file, and are several images; one path that is given twice is one.
            found.setdefault(file.parent.resolve() / file.name, file)
    if not found:
        around = [path for path in paths if path.is_dir() and path.resolve().is_relative_to(out.resolve())]
        passed_over = f"what lies in {out} is passed over: give another --out"
        remedy = passed_over if around else "give image files, or folders of them"
        raise InputError(f"no image in {', '.join(map(str, paths))}; {remedy}")
    places = {file_place(file): file for file in found.values()}
    single = paths[0] if len(paths) == 1 and paths[0].is_dir() else None
    root = file_place(single / "any").parent if single else Path(commonpath([place.parent for place in places]))
    named = {place.relative_to(root).as_posix(): file for place, file in places.items()}
    return dict(sorted(named.items()))


def file_place(file: Path) -> Path:
    """The absolute path of a file, where it is a link its own; links among its folders stay, unless .. follows them."""
    return (file.parent.resolve() if ".." in file.parts else file.parent.absolute()) / file.name


def _images_in(folder: Path, out: Path) -> Iterator[Path]:
    suffixes = Image.registered_extensions()
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        known = suffixes.get(file.suffix.lower()) in Image.OPEN
        if known and not hidden and file.is_file() and not file.resolve().is_relative_to(out):
            yield file


def describe_pictures(files: Iterable[tuple[str, Path]]) -> tuple[list[Picture], dict[str, str]]:
    """The pictures whose headers can be read, and file_name -> reason of the others."""
    pictures, skipped = [], {}
    for name, path in files:
        try:
            pictures.append(_described(name, path))
        except BrokenPicture as error:
            skipped[name] = str(error)
    return pictures, skipped


def _described(name: str, path: Path) -> Picture:
    try:
        status = path.stat()
        with Image.open(path) as image:
            width, height = image.size
            # Pillow would decode a whole PNG to look for EXIF behind its pixels, where it hardly ever is.
            known = image.format != "PNG" or "exif" in image.info
            orientation = image.getexif().get(EXIF_ORIENTATION, 1) if known else 1
            mode = image.mode
    except UNREADABLE as error:
        raise BrokenPicture(f"unreadable ({error}); copy it again") from None
    if mode not in EIGHT_BIT:
        raise BrokenPicture(TOO_DEEP.format(mode=mode))
    return Picture(path, name, width, height, (status.st_size, status.st_mtime_ns), orientation in range(2, 9))


def read_picture(picture: Picture) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3), as training and evaluation read images: alpha is dropped, EXIF orientation ignored.

    Raises:
        BrokenPicture: truncated, unreadable, or no longer of the size that its header had.
    """
    try:
        with Image.open(picture.path) as image:
            pixels = np.array(image.convert("RGB"))
    except UNREADABLE as error:
        raise BrokenPicture(f"unreadable or truncated ({error}); copy it again") from None
    if pixels.shape[:2] != (picture.height, picture.width):
        raise BrokenPicture("has changed during the run; run again")
    return pixels
