"""The record of a labelling session: a file of JSON lines that only grows, one line per action, synced to the disk.

Whoever holds it has locked it: a second process on the same file is refused. A last line that was cut short by a crash
is dropped when the file is opened; nobody was told that it was saved.
"""

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wssis.errors import InputError
from wssis.formats.json_text import dumps, loads

Line = dict[str, Any]
CLOSED = -1
"""No file has this descriptor: a late action fails."""


class Journal:
    """An open journal.

    Attributes:
        path: its file.
        lines: what it held when it was opened, in order; empty for a new one.
        dropped: bytes of a last line that was cut short.

    Args:
        path: the file; it and its folder are created.

    Raises:
        InputError: it cannot be written, another process has it open, or a line before the last one cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}); give another --out") from None
        try:
            self._lock()
            self.lines, self._end = self._read()
        except InputError:
            os.close(self._file)
            raise
        self.dropped = os.fstat(self._file).st_size - self._end
        os.ftruncate(self._file, self._end)

    def append(self, line: Mapping[str, Any], sync: bool = True) -> None:
        """Add a line; with `sync` it is on the disk when this returns. On an error the file is as it was before.

        Raises:
            OSError: the disk is full, or out of order.
        """
        text = dumps(dict(line)) + b"\n"
        try:
            self._write(text)
            if sync:
                os.fsync(self._file)
        except OSError:
            if self._file != CLOSED:
                os.ftruncate(self._file, self._end)
            raise
        self._end += len(text)

    def close(self) -> None:
        """Sync, and let others open it; nothing can be added any more."""
        if self._file != CLOSED:
            os.fsync(self._file)
            os.close(self._file)
            self._file = CLOSED

    def _write(self, text: bytes) -> None:
        done = 0
        while done < len(text):
            done += os.pwrite(self._file, text[done:], self._end + done)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{self.path}: another process is labelling into this file; use its page, or end it first"
            ) from None

    def _read(self) -> tuple[list[Line], int]:
        """The sound lines, and where they end."""
        with open(self.path, "rb") as stream:
            rows = stream.read().splitlines(keepends=True)
        lines: list[Line] = []
        end = 0
        for number, row in enumerate(rows, start=1):
            line = _parsed(row)
            if line is None and number < len(rows):
                raise InputError(
                    f"{self.path}: line {number} cannot be read; the disk or an editor has damaged it: restore a copy,"
                    " or cut the file off before that line"
                )
            if line is None:
                break
            lines.append(line)
            end += len(row)
        return lines, end


def _parsed(row: bytes) -> Line | None:
    """A whole line's content; None for one that was cut short or is no JSON object."""
    try:
        value = loads(row) if row.endswith(b"\n") else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
