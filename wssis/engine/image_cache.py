"""What is decoded once stays in memory, up to a bound."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

MEGABYTE = 2**20


class Sized(Protocol):
    """Something that knows how much memory it holds."""

    @property
    def nbytes(self) -> int: ...


Key = TypeVar("Key")
Value = TypeVar("Value", bound=Sized)


class Cache(Generic[Key, Value]):
    """The most recently used values, as many as fit.

    Args:
        megabytes: bound on the sum of their sizes; a value that is larger on its own is not kept.
    """

    def __init__(self, megabytes: float) -> None:
        self._limit = int(megabytes * MEGABYTE)
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key, make: Callable[[Key], Value]) -> Value:
        """The value of `key`: kept, or made now."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        value = make(key)
        if value.nbytes <= self._limit:
            self._kept[key] = value
            self._bytes += value.nbytes
            while self._bytes > self._limit:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return value
