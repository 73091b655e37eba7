"""Several image folders as one: stages read an image's file by its name in a single folder."""

import filecmp
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wssis.errors import InputError


@contextmanager
def one_folder(given: str) -> Iterator[Path]:
    """The folder of that name; or, of several joined as in PATH (a:b), a temporary one of links to what is in them.

    Raises:
        InputError: one of several is no folder, or a file name stands for different files in two of them.
    """
    folders = list(dict.fromkeys(filter(None, given.split(os.pathsep))))
    if len(folders) < 2 or Path(given).is_dir():
        yield Path(given)
        return
    for folder in folders:
        if not Path(folder).is_dir():
            raise InputError(f"{folder}: is no folder; correct the image folder")
    with tempfile.TemporaryDirectory(prefix="wssis-images-") as joined:
        _link([Path(folder).resolve() for folder in folders], Path(joined))
        yield Path(joined)


def _link(folders: Sequence[Path], into: Path) -> None:
    """Link what is in any of the folders; subfolders that several have are joined in turn."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for name in sorted(os.listdir(folder)):
            found.setdefault(name, []).append(folder / name)
    for name, paths in found.items():
        if len(paths) > 1 and all(path.is_dir() for path in paths):
            (into / name).mkdir()
            _link(paths, into / name)
            continue
        for other in paths[1:]:
            if not _same(paths[0], other):
                raise InputError(f"{other}: another file than {paths[0]}; two pictures need two names: rename one")
        (into / name).symlink_to(paths[0])


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and (one.samefile(other) or filecmp.cmp(one, other, shallow=False))
