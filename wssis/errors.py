"""Errors that are the user's to mend."""

from collections.abc import Sequence

REFUSED = 2
"""Exit status of a command that refuses its input."""
SHOWN = 20
"""Problems that are printed in full; the rest is counted."""


class InputError(Exception):
    """Bad input: the message names the file, the id and the remedy."""


def refuse(problems: Sequence[str]) -> None:
    """Nothing where there is no problem.

    Raises:
        InputError: a line for each of the first problems, and how many more there are.
    """
    if problems:
        rest = [f"... and {len(problems) - SHOWN} more of the like"] if len(problems) > SHOWN else []
        raise InputError("\n".join([*problems[:SHOWN], *rest]))
