"""Sizes of the image files: where a label format lacks them, and to be compared where both say one."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from wssis.errors import InputError
from wssis.formats.near_names import missing_but_near

ORIENTATION = 0x0112
"""EXIF tag; 1 is upright."""
SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class ImageSizes:
    """Reads the heads of images.

    Attributes:
        folder: image folder; None where there is none to look into.
        upright: refuse images that EXIF turns: labelling tools show them turned, training reads them as stored.
    """

    folder: Path | None
    upright: bool = False

    def agreed(self, name: str, given: tuple[int, int] | None) -> tuple[int, int]:
        """Width and height of an image, px, of the stored pixels.

        Args:
            given: what the labels say.

        Raises:
            InputError: nobody says the size, the two disagree, or the file is missing or unreadable.
        """
        if self.folder is None:
            if given is None:
                raise InputError(f"{name}: the labels do not say its size; give the image folder with --image-dir")
            return given
        path = self.folder / name
        size, orientation = _head(path)
        if self.upright and orientation != 1:
            raise InputError(
                f"{path}: has EXIF orientation {orientation}, so the tool showed it turned, while training reads it as"
                " stored; store it upright, without the tag, and label it again"
            )
        if given is not None and given != size:
            raise InputError(
                f"{path}: is {size[0]} x {size[1]} px, the labels say {given[0]} x {given[1]}; correct the wrong one"
            )
        return size

    def has(self, name: str) -> bool:
        """Whether the image folder, if any, holds this file."""
        return self.folder is not None and (self.folder / name).is_file()

    def of_stems(self, needed_by: str) -> dict[str, list[str]]:
        """Stem -> names of the images in the folder, for labels that are told by their name.

        Raises:
            InputError: there is no image folder.
        """
        if self.folder is None or not self.folder.is_dir():
            raise InputError(f"{needed_by}: its images are found by name; give their folder with --image-dir")
        stems: dict[str, list[str]] = {}
        for path in sorted(self.folder.iterdir()):
            if path.suffix.lower() in SUFFIXES:
                stems.setdefault(path.stem, []).append(path.name)
        return stems


def _head(path: Path) -> tuple[tuple[int, int], int]:
    """Width and height, and EXIF orientation."""
    try:
        with Image.open(path) as image:
            return image.size, image.getexif().get(ORIENTATION, 1) or 1
    except FileNotFoundError:
        if (near := missing_but_near(path)) is not None:
            raise InputError(f"{path}: {near}; rename one of them") from None
        raise InputError(f"{path}: missing; put it there, or correct --image-dir or the name in the labels") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: unreadable ({error}); copy it again or remove its labels") from None
