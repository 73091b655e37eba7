"""What a check found, for a terminal or as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from wssis.checking.check import Checked
from wssis.formats.remark import Remark, by_kind

EXAMPLES = 3
"""Remarks of one kind that are printed; the rest is counted."""


def summary(checked: Sequence[Checked], limit: int | None = EXAMPLES) -> str:
    """Text for a terminal: data set by data set, grouped by kind. limit: most examples of a kind, None for all."""
    return "\n\n".join("\n".join(_lines(one, limit)) for one in checked)


def as_json(checked: Sequence[Checked]) -> str:
    """All of it as JSON: {"data_sets": [{name, parts, problems, warnings, notes}]}."""
    return json.dumps({"data_sets": [asdict(one) for one in checked]}, indent=1, ensure_ascii=False)


def grouped(remarks: Sequence[Remark], limit: int | None) -> Iterator[str]:
    """Lines of remarks under their kinds, with counts."""
    for kind, ones in by_kind(remarks).items():
        yield f"  {kind} ({len(ones)})"
        shown = ones if limit is None else ones[:limit]
        yield from (f"    {remark}" for remark in shown)
        if len(ones) > len(shown):
            yield f"    ... and {len(ones) - len(shown)} more of the like"


def _lines(checked: Checked, limit: int | None) -> Iterator[str]:
    found = f"{_number(checked.problems, 'problem')}, {_number(checked.warnings, 'warning')}"
    yield f"{checked.name}: {found}"
    yield from (f"  {name}: {text}" for name, text in checked.parts.items())
    for title, remarks in (("problems", checked.problems), ("warnings", checked.warnings)):
        if remarks:
            yield f"{title}:"
            yield from grouped(remarks, limit)
    yield from (f"not looked at: {note}" for note in checked.notes)


def _number(remarks: Sequence[Remark], word: str) -> str:
    return f"{len(remarks) or 'no'} {word}{'' if len(remarks) == 1 else 's'}"
