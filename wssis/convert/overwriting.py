"""No command writes over a file that it reads: the output lacks what the options left out, or is of another format."""

from collections.abc import Iterable
from pathlib import Path

from wssis.errors import InputError


def refuse_overwriting(out: Path, sources: Iterable[Path | None]) -> None:
    """Nothing where `out` is none of the files that are read; None stands for one that is not given.

    Raises:
        InputError: it is one of them, whatever it is called.
    """
    if any(source is not None and out.resolve() == source.resolve() for source in sources):
        raise InputError(f"{out}: is a file to read, which must not be lost; give another --out")
