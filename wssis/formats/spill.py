"""Values by number in a temporary file: a mapping whose values are not in memory."""

import pickle
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

import numpy as np

Value = TypeVar("Value")


class Spill(Generic[Value]):
    """A mapping from known numbers to values; 16 bytes a number are in memory, the values on the disk.

    A context: the file has no name, and its space is free again when the context ends, or the process.

    Args:
        folder: where there is room; it is created if need be.
        keys: all numbers that may get a value.
    """

    def __init__(self, folder: Path, keys: Iterable[int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._keys = np.unique(np.fromiter(keys, np.int64))
        self._begin = np.full(len(self._keys), -1, np.int64)
        self._file = tempfile.TemporaryFile(dir=folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        """How many numbers have a value."""
        return int((self._begin >= 0).sum())

    def knows(self, key: int) -> bool:
        """Whether the number may get a value."""
        place = int(np.searchsorted(self._keys, key))
        return place < len(self._keys) and int(self._keys[place]) == key

    def __contains__(self, key: int) -> bool:
        """Whether the number has a value."""
        return self.knows(key) and self._begin[self._place(key)] >= 0

    def __setitem__(self, key: int, value: Value) -> None:
        """Set or replace a value; KeyError for an unknown number."""
        self._begin[self._place(key)] = self._file.seek(0, 2)
        pickle.dump(value, self._file, pickle.HIGHEST_PROTOCOL)

    def __getitem__(self, key: int) -> Value:
        """The value of a number, read from the file; KeyError where it has none."""
        begin = int(self._begin[self._place(key)])
        if begin < 0:
            raise KeyError(key)
        self._file.seek(begin)
        return pickle.load(self._file)

    def filled(self) -> np.ndarray:
        """The numbers that have a value, int64, in ascending order."""
        return self._keys[self._begin >= 0]

    def _place(self, key: int) -> int:
        if not self.knows(key):
            raise KeyError(key)
        return int(np.searchsorted(self._keys, key))
