"""A ledger read part by part: memory does not grow with the file."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from wssis.errors import InputError
from wssis.formats.ledger import COLUMNS, TYPES


def ledger_parts(path: Path, rows: int = 200_000) -> Iterator[pd.DataFrame]:
    """The ledger in tables of so many rows, with the columns of LedgerRow; empty cells are missing, empty words empty.

    Raises:
        InputError: the file is missing, has another header, or a cell that its column cannot hold.
    """
    empty = {name: [""] for name, kind in TYPES.items() if kind != "str"}
    try:
        if list(pd.read_csv(path, nrows=0)) != list(COLUMNS):
            raise InputError(f"{path}: its first line must be {','.join(COLUMNS)}; run propose again")
        yield from pd.read_csv(path, dtype=TYPES, chunksize=rows, keep_default_na=False, na_values=empty)
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run the stage that writes it") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: not a ledger ({error}); run propose again") from None
