"""Writing so that a reader sees either the whole old thing or the whole new thing, never a part."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
    """Lend a hidden sibling of `path` to write a file or a folder to; it becomes `path` when the block ends well.

    The sibling keeps the suffix of `path`, since some writers choose their format by it. Its name is fixed: what a
    killed run left behind is removed by the next one. If the block raises, or writes nothing, `path` stays as it was.

    Raises:
        FileNotFoundError: the block ended well but wrote nothing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{path.name}")
    _remove(temporary)
    try:
        yield temporary
        _sync_tree(temporary)
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)
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
