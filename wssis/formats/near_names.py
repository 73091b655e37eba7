"""Files that are missing under one name and there under another that looks the same."""

import unicodedata
from functools import lru_cache
from pathlib import Path


def missing_but_near(path: Path) -> str | None:
    """What is to be said of a missing file where another lies beside it whose name differs in case, or in the form of
    its accents (composed, as they are typed, or decomposed, as on a Mac); None where there is no such file.
    """
    near = _names(path.parent).get(_folded(path.name))
    if near is None:
        return None
    return f"missing, but there is {near!r}, which differs in upper and lower case or in the form of its accents"


@lru_cache(maxsize=4)
def _names(folder: Path) -> dict[str, str]:
    """Name without case and forms of accents -> name, of what is in a folder."""
    try:
        return {_folded(path.name): path.name for path in folder.iterdir()}
    except OSError:
        return {}


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
