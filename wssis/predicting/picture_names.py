"""Which of the given pictures a file of points means by a name."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path, PurePath, PurePosixPath

from wssis.predicting.pictures import file_place

Ends = Mapping[str, list[tuple[str, PurePath]]]
"""Last part of a path -> file_name and whole path of the pictures that have it."""


class PictureNames:
    """Finds pictures by their file_name, or by the end of the path at which they lie, whole parts only.

    A longer name must be the path's own: `cam1/0001.png` is not the 0001.png of a folder cam2, though that is all that
    the file_name says where cam2 is the folder that was given.

    Args:
        files: file_name -> file.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def meant_by(self, name: str) -> list[str]:
        """file_names of the pictures that a name may mean; one where it is clear."""
        path = PurePosixPath(name)
        if (plain := str(path)) in self._files:
            return [plain]
        # Links have names of their own; what they lead to counts only where no picture is called so.
        return _ending_with(path, self._places) or _ending_with(path, self._targets)

    @cached_property
    def _places(self) -> Ends:
        return _by_last_part((name, file_place(file)) for name, file in self._files.items())

    @cached_property
    def _targets(self) -> Ends:
        return _by_last_part((name, file.resolve()) for name, file in self._files.items())


def _by_last_part(paths: Iterable[tuple[str, Path]]) -> Ends:
    ends: dict[str, list[tuple[str, PurePath]]] = defaultdict(list)
    for name, path in paths:
        ends[path.name].append((name, path))
    return ends


def _ending_with(path: PurePosixPath, ends: Ends) -> list[str]:
    number = len(path.parts)
    return [name for name, whole in ends.get(path.name, ()) if whole.parts[-number:] == path.parts]
