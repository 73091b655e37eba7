"""A COCO file that was given to a labelling session."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wssis.errors import InputError
from wssis.formats.coco_check import bad_file_name
from wssis.formats.importers.reader import objects, read_json


@dataclass(frozen=True)
class CocoFile:
    """A JSON file, read once; what is wrong with it is said when that part of it is asked for."""

    path: Path
    content: Any

    @classmethod
    def read(cls, path: Path) -> "CocoFile":
        """Read a file; InputError where it is missing or no JSON."""
        return cls(path, read_json(path))

    def items(self, key: str) -> list[dict[str, Any]]:
        """One of its lists; InputError where there is none."""
        if not isinstance(self.content, dict) or not isinstance(self.content.get(key), list):
            raise InputError(f'{self.path}: has no list "{key}"; a COCO file is expected')
        return list(objects(self.content[key]))

    def annotations(self) -> Iterator[dict[str, Any]]:
        """Its annotations, none where there is no list of them."""
        return objects(self.content.get("annotations") if isinstance(self.content, dict) else None)

    def name(self, image: Mapping[str, Any]) -> str:
        """The file name of one of its images; InputError where it cannot be one."""
        reason = bad_file_name(image.get("file_name"))
        if reason:
            raise InputError(f"{self.path}: image {image.get('id')!r}: {reason}")
        return str(image["file_name"])


def known_ids(files: Sequence[CocoFile]) -> dict[str, int]:
    """file_name -> id, of all these files together.

    Raises:
        InputError: an id is no integer, or not one image's alone.
    """
    known: dict[str, int] = {}
    for file in files:
        images = file.items("images")
        twice = [n for n, count in Counter(str(image.get("id")) for image in images).items() if count > 1]
        if twice:
            raise InputError(f"{file.path}: image {twice[0]}: this id occurs more than once; keep one of them")
        for image in images:
            name, number = file.name(image), image.get("id")
            if type(number) is not int or known.get(name, number) != number:
                reason = f"{name} has id {number!r}, not {known.get(name, 'an integer')}; correct one of them"
                raise InputError(f"{file.path}: {reason}")
            known[name] = number
    by_id = Counter(known.values())
    clashing = [name for name, number in known.items() if by_id[number] > 1]
    if clashing:
        where = ", ".join(str(file.path) for file in files)
        raise InputError(f"{where}: {' and '.join(clashing)} share an id; renumber one of them")
    return known
