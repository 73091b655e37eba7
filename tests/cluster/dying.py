"""Runs a command of the package in a process that kills itself by SIGKILL in the middle of a write.

dying.py NAME COUNT COMMAND ...: half-way through the COUNT-th atomic write of a file of that name, after the first
piece of one that is written in pieces; NAME `zarr`: after the COUNT-th write into an array. train-teacher is the toy of
toy_teacher.py.
"""

import io
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import toy_teacher
import zarr

from wssis.cli import main


class HalfWritten(io.FileIO):
    """A file whose process dies after its first piece."""

    def writelines(self, pieces: Iterable[bytes]) -> None:
        self.write(next(iter(pieces)))
        os.kill(os.getpid(), signal.SIGKILL)


class Death:
    """Counts writes, and kills the process in the last of them."""

    def __init__(self, name: str, count: int) -> None:
        self._name, self._left = name, count
        self._write_bytes, self._open, self._set_item = Path.write_bytes, Path.open, zarr.Array.__setitem__

    def arm(self) -> None:
        """From here on, writes count."""
        death = self

        def write_bytes(path: Path, data: bytes) -> int:
            if path.name == f".tmp-{death._name}" and death._is_last():
                death._write_bytes(path, data[: len(data) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return death._write_bytes(path, data)

        def open_(path: Path, *mode: str, **options: Any) -> IO[Any]:
            # `write_bytes` names the mode; what writes in pieces does not.
            if mode == ("wb",) and path.name == f".tmp-{death._name}" and death._is_last():
                return HalfWritten(path, "wb")
            return death._open(path, *mode, **options)

        def set_item(array: zarr.Array, selection: Any, values: Any) -> None:
            death._set_item(array, selection, values)
            if death._name == "zarr" and death._is_last():
                os.kill(os.getpid(), signal.SIGKILL)

        Path.write_bytes, Path.open, zarr.Array.__setitem__ = write_bytes, open_, set_item

    def _is_last(self) -> bool:
        self._left -= 1
        return self._left == 0


if __name__ == "__main__":
    Death(sys.argv[1], int(sys.argv[2])).arm()
    if sys.argv[3] == "train-teacher":
        toy_teacher.prepare(step_seconds=0.0)
    main(sys.argv[3:])
