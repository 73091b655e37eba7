"""Runs a command of the package in a process that kills itself by SIGKILL in the middle of a write.

dying.py NAME COUNT COMMAND ...: half-way through the COUNT-th atomic write of a file of that name; NAME `zarr`: after
the COUNT-th write into an array. train-teacher is the toy of toy_teacher.py.

"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import toy_teacher
import zarr

from wssis.cli import main


class Death:
    """Counts writes, and kills the process in the last of them."""

    def __init__(self, name: str, count: int) -> None:
        self._name, self._left = name, count
        self._write_bytes, self._set_item = Path.write_bytes, zarr.Array.__setitem__

    def arm(self) -> None:
        """From here on, writes count."""
        death = self

        def write_bytes(path: Path, data: bytes) -> int:
            if path.name == f".tmp-{death._name}" and death._is_last():
                death._write_bytes(path, data[: len(data) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return death._write_bytes(path, data)

        def set_item(array: zarr.Array, selection: Any, values: Any) -> None:
            death._set_item(array, selection, values)
            if death._name == "zarr" and death._is_last():
                os.kill(os.getpid(), signal.SIGKILL)

        Path.write_bytes, zarr.Array.__setitem__ = write_bytes, set_item

    def _is_last(self) -> bool:
        self._left -= 1
        return self._left == 0


if __name__ == "__main__":
    Death(sys.argv[1], int(sys.argv[2])).arm()
    if sys.argv[3] == "train-teacher":
        toy_teacher.prepare(step_seconds=0.0)
    main(sys.argv[3:])
