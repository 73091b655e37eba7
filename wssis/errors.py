"""Errors that are the user's to mend."""

from collections.abc import Sequence
from pathlib import Path


class InputError(Exception):
    """Bad input: the message names the file, the id and the remedy."""


MOST_NAMED = 20
"""Problems named in one error."""


def refusal(path: Path, problems: Sequence[str]) -> InputError:
    """The error for a file with many problems: each in a line of its own after the path, the first ones alone."""
    rest = len(problems) - MOST_NAMED
    more = [f"... and {rest} more"] if rest > 0 else []
    return InputError("\n".join(f"{path}: {line}" for line in [*problems[:MOST_NAMED], *more]))
