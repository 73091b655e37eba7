"""JSON files of any content; COCO files and scores have readers of their own."""

from pathlib import Path
from typing import Any

from wssis.errors import InputError
from wssis.formats.json_text import loads


def read_json(path: Path) -> Any:
    """The value of a JSON file.

    Raises:
        InputError: it is missing, or no JSON.
    """
    try:
        return loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run the stage that writes it") from None
    except ValueError as error:
        raise InputError(f"{path}: not readable as JSON ({error}); run its stage again") from None
