"""What the tests of wssis audit share: edits of a copied study, and what the audit says of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audit_fixtures import reseal

from wssis.audit.auditing import audit_study
from wssis.audit.finding import StudyAudit

RUN = "shapes/50pct/s0/base"
OTHER_RUN = "shapes/50pct/s1/base"
SECOND = "arms/wssis-2"


def faults_of(study: Path) -> dict[str, str]:
    """File -> all that is wrong with it."""
    found: dict[str, str] = {}
    for finding in audit_study(study).faults:
        assert finding.what and finding.remedy
        found[finding.file] = f"{found.get(finding.file, '')}{finding.what}\n"
    return found


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change the content of a JSON file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def tamper(study: Path, path: str, change: Callable[[Any], object]) -> None:
    """Change the content of a JSON file, and let its digest be right: the content alone tells."""
    edit(study / path, change)
    reseal(study, path)


def lose_last_line(study: Path, path: str) -> None:
    """Take the last line of a CSV away, and let its digest be right."""
    (study / path).write_text("".join((study / path).read_text().splitlines(keepends=True)[:-1]))
    reseal(study, path)


def give_input(study: Path, manifest: str, other: str, name: str, to: str = "more") -> None:
    """Let a manifest name, as its input `to`, the input `name` of another manifest."""
    given = json.loads((study / other).read_text())["inputs"][name]
    edit(study / manifest, lambda one: one["inputs"].update({to: given}))


def notes_of(audit: StudyAudit) -> str:
    """All notes of an audit."""
    return "\n".join(f"{note.file}: {note.what}" for note in audit.notes)
