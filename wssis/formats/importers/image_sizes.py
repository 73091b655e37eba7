"""The image files: sizes, where a label format lacks them or to be compared; and which one a tool's path means."""

from dataclasses import dataclass
from functools import cached_property
from os.path import isdir, isfile
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
        return self.folder is not None and isfile(self.folder / name)

    def name_of(self, path: str) -> str:
        """The name in the image folder of what a tool knows by a path (with slashes) that begins somewhere else.

        It is the longest ending of the path whose folder is there, whether the file is or not: a file of the same name
        in another folder is another image. The bare name where none of its folders is there.
        """
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if ".." in parts:
            parts = parts[len(parts) - parts[::-1].index("..") :]
        if not parts or self.folder is None:
            return parts[-1] if parts else path
        endings = ("/".join(parts[start:]) for start in range(len(parts) - 1))
        folder = self.folder
        return next((name for name in endings if isdir((folder / name).parent)), parts[-1])

    def of_name(self, name: str) -> list[str]:
        """Images of this bare name in the image folder and its subfolders."""
        return self._by_name.get(name, [])

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for path in sorted(self.folder.rglob("*")) if self.folder is not None else ():
            names.setdefault(path.name, []).append(path.relative_to(self.folder).as_posix())
        return names

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
