"""What has been predicted so far, on the disk: a run that was killed goes on where it was."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wssis.formats.json_text import dumps, loads

Record = dict[str, Any]


class ResultLog:
    """A file of JSON lines: the key of the run, then one record per image, with `file_name` and `stamp`, and `reason`
    where the image could not be read.

    Opening it keeps the records of an earlier run with the same key; a line that was cut short is dropped. The records
    stay on the disk; in memory are their places, stamps and reasons.

    Args:
        path: the file; its folder is created.
        key: what the records depend on, apart from the images themselves.
    """

    def __init__(self, path: Path, key: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._places: dict[str, int] = {}
        self._stamps: dict[str, list[int]] = {}
        self._reasons: dict[str, str] = {}
        self._file = path.open("r+b" if path.exists() else "w+b")
        end = self._read(key)
        self._file.truncate(end)
        if not end:
            self._append([{"key": key}])

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, file_name: str) -> bool:
        return file_name in self._places

    def has(self, file_name: str, stamp: Sequence[int]) -> bool:
        """Whether there is a record of this image, unchanged."""
        return self._stamps.get(file_name) == list(stamp)

    def reason(self, file_name: str) -> str | None:
        """Why an image could not be read; None where it could, or where there is no record of it."""
        return self._reasons.get(file_name)

    def record(self, file_name: str) -> Record:
        """The latest record of an image; KeyError where there is none."""
        self._file.seek(self._places[file_name])
        return loads(self._file.readline())

    def add(self, records: Sequence[Record]) -> None:
        """Add records; they are on the disk when this returns."""
        for record, place in zip(records, self._append(records), strict=True):
            self._note(record, place)

    def remove(self) -> None:
        """Delete the file: the results are written."""
        self._file.close()
        self._path.unlink()

    def close(self) -> None:
        """Keep the file for the next run."""
        self._file.close()

    def _append(self, records: Sequence[Mapping[str, Any]]) -> list[int]:
        places, place = [], self._file.seek(0, 2)
        for record in records:
            places.append(place)
            place += self._file.write(dumps(record) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        return places

    def _read(self, key: str) -> int:
        """Note the records of an earlier run; the place where the sound part ends, 0 where nothing can be used."""
        place = 0
        for number, line in enumerate(self._file):
            try:
                record = loads(line) if line.endswith(b"\n") else None
            except ValueError:
                record = None
            if record is None or (number == 0 and record != {"key": key}):
                break
            if number:
                self._note(record, place)
            place += len(line)
        return place

    def _note(self, record: Record, place: int) -> None:
        self._places[record["file_name"]] = place
        self._stamps[record["file_name"]] = record["stamp"]
        self._reasons.pop(record["file_name"], None)
        if "reason" in record:
            self._reasons[record["file_name"]] = record["reason"]
