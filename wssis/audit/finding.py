"""What an audit says: findings, each with its file, what is wrong, and the remedy; and notes, which are no fault."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be; or, with `fault` False, one that a reader should know.

    file: relative to the study's folder.
    """

    file: str
    what: str
    remedy: str
    fault: bool = True


@dataclass
class StudyAudit:
    """What was looked at in one study, and what was found.

    Attributes:
        study: its folder, or archive, as it was named.
        manifests, artifacts, read: how many manifests and outputs were looked at, and in how many the content was, too.
        bytes: of the files that were hashed.
        unchecked: lines on what could not be checked.
    """

    study: str
    manifests: int = 0
    artifacts: int = 0
    read: int = 0
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[Finding]:
        """What is wrong."""
        return [finding for finding in self.findings if finding.fault]

    @property
    def notes(self) -> list[Finding]:
        """What is worth knowing and no fault."""
        return [finding for finding in self.findings if not finding.fault]


def some(ids: Iterable[object], limit: int = 5) -> str:
    """The first few of many.

    >>> some(range(7)), some("ab")
    ('0, 1, 2, 3, 4, ...', 'a, b')
    """
    shown = [str(one) for one, _ in zip(ids, range(limit + 1), strict=False)]
    return ", ".join([*shown[:limit], *(["..."] if len(shown) > limit else [])])
