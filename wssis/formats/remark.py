"""What is to be said about given data: file, item, what is wrong and what to do, grouped by kind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SHOWN = 200
"""Problems that a stage prints in full; the rest is counted."""


@dataclass(frozen=True)
class Remark:
    """One problem, or one warning.

    Attributes:
        kind: groups the like.
        file: the file it is about.
        item: what in the file, such as "annotation 5"; empty where it is the file as a whole.
    """

    kind: str
    file: str
    item: str
    what: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.item}" if self.item else self.file
        return f"{place}: {self.what}; {self.remedy}"


@dataclass(frozen=True)
class Fault:
    """A remark on something whose file and item the caller knows."""

    kind: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"

    def at(self, file: object, item: str = "") -> Remark:
        """The remark on that item of that file."""
        return Remark(self.kind, str(file), item, self.what, self.remedy)


def refusal(problems: Sequence[Remark]) -> str:
    """Problems as one message: the count first, then a line each."""
    shown = [str(problem) for problem in problems[:SHOWN]]
    rest = len(problems) - len(shown)
    more = [f"... and {rest} more; `wssis check-data --all` lists every one"] if rest else []
    return "\n".join([f"{len(problems)} problem(s) in the data:", *shown, *more])


def by_kind(remarks: Iterable[Remark]) -> dict[str, list[Remark]]:
    """Kind -> its remarks, both in the order in which they come."""
    groups: dict[str, list[Remark]] = {}
    for remark in remarks:
        groups.setdefault(remark.kind, []).append(remark)
    return groups
