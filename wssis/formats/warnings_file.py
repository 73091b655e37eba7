"""data_warnings.json: {"warnings": [{kind, file, item, what, remedy}, ...]}, what is worth a look in a data set."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from wssis.errors import InputError
from wssis.formats.atomic import write_json
from wssis.formats.json_text import loads
from wssis.formats.remark import Remark


def write_warnings(path: Path, warnings: Sequence[Remark]) -> None:
    """Write data_warnings.json atomically, in the given order."""
    write_json(path, {"warnings": [asdict(warning) for warning in warnings]})


def read_warnings(path: Path) -> list[Remark]:
    """All warnings.

    Raises:
        InputError: the file is missing, or holds something else.
    """
    try:
        return [Remark(**one) for one in loads(Path(path).read_bytes())["warnings"]]
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run the stage data-warnings") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: holds no warnings ({error!r}); run the stage data-warnings again") from None
