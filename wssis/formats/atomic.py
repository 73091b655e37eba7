"""Writing so that a reader sees either the whole old thing or the whole new thing, never a part."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from wssis.errors import InputError
from wssis.formats.strays import without_strays


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Flush a file, or a folder entry, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_tree(path: Path) -> None:
    if path.is_dir():
        for child in path.iterdir():
            _sync_tree(child)
    _sync(path)


@contextmanager
def temporary_path(path: Path) -> Iterator[Path]:
    """Lend a hidden sibling of `path` to write a file to; it becomes `path` when the block ends well.

    The sibling keeps the suffix of `path`, since some writers choose their format by it. Its name is fixed: what a
    killed run left behind is removed by the next one. If the block raises, or writes nothing, `path` stays as it was.

    Raises:
        FileNotFoundError: the block ended well but wrote nothing.
        InputError: `path` is a folder.
    """
    path = Path(path)
    refuse_folder(path)
    with _sibling(path) as temporary:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)


@contextmanager
def temporary_folder(path: Path, own: Callable[[Path], bool]) -> Iterator[Path]:
    """As `temporary_path`, for a folder, which replaces an older one whole.

    Args:
        own: whether an older folder is one of the writer's and may go; it is asked of folders that are not empty, where
            strays (see `wssis.formats.strays`) do not count.

    Raises:
        InputError: `path` is a file, or a folder with something else in it.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is a file, and a folder is to be written; move it away, or name another place")
    if path.is_dir() and any(without_strays(path)) and not own(path):
        raise InputError(f"{path}: holds files of another kind, which would be lost; name another place")
    with _sibling(path) as temporary:
        yield temporary
        _sync_tree(temporary)
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)


def refuse_folder(path: Path) -> None:
    """Raise InputError where a file is to be written and a folder is in its place: what is in it would be lost."""
    if Path(path).is_dir():
        raise InputError(f"{path}: is a folder; name the file to write")


def refuse_overwriting(sources: Iterable[Path | None], outputs: Iterable[Path]) -> None:
    """Raise InputError where an output is one of the files that are read, whatever it is called.

    The output lacks what options left out, or is of another format. None stands for a file that is not given.
    """
    for source, output in product(sources, outputs):
        if source is not None and Path(source).resolve() == Path(output).resolve():
            raise InputError(f"{output}: is a file to read, which must not be lost; give another --out")


@contextmanager
def _sibling(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{path.name}")
    _remove(temporary)
    try:
        yield temporary
        _sync(path.parent)
    finally:
        _remove(temporary)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically; missing parent folders are created."""
    with temporary_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically; line ends are written as they are."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: object) -> None:
    """Write compact JSON atomically, keys in their order of insertion, with a final newline.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot say.
    """
    write_text(path, json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n")
