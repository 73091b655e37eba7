"""wssis trace --against: where two artifacts' ways part."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wssis.audit.digests import short
from wssis.audit.study_files import StageRecord
from wssis.audit.trace import Ancestor, asked_of
from wssis.audit.values import flat, word


@dataclass(frozen=True)
class Difference:
    """What differs between the ways of two artifacts at one place of the tree.

    at: stage and file; lines: of its own settings, code, packages and given files; inputs: names of inputs that differ.
    """

    at: str
    lines: tuple[str, ...]
    inputs: tuple[str, ...]


def differences(one: Ancestor, other: Ancestor) -> list[Difference]:
    """What differs, from the data on to the artifact asked for: the first one is where the ways part."""
    found: list[Difference] = []
    _compare(one, other, found, set())
    return found


def _compare(one: Ancestor, other: Ancestor, found: list[Difference], seen: set[tuple[str, str]]) -> None:
    if (one.path, other.path) in seen:
        return
    seen.add((one.path, other.path))
    theirs = {parent.name: parent for parent in other.made_from}
    for parent in one.made_from:
        if parent.name in theirs:
            _compare(parent, theirs[parent.name], found, seen)
    if one.record is None or other.record is None:
        if one.sha256 != other.sha256:
            lines = (f"file: {one.path} | {other.path}", f"sha256: {short(one.sha256)} | {short(other.sha256)}")
            found.append(Difference(f"given  {one.name}", lines, ()))
        return
    if (one.record.path, other.record.path) in seen:  # Another output of the same run was there before.
        return
    seen.add((one.record.path, other.record.path))
    lines = [*_own(one.record, other.record), *_other_inputs(one, other)]
    mine = {parent.name: parent for parent in one.made_from}
    inputs = [name for name in mine if name in theirs and mine[name].sha256 != theirs[name].sha256]
    if one.said != other.said and not lines and not inputs:
        lines = ["output: differs, though settings, code, packages and inputs are equal: the stage is not repeatable"]
    if lines:
        found.append(Difference(f"{one.record.stage}  {one.path}", tuple(lines), tuple(inputs)))


def _own(one: StageRecord, other: StageRecord) -> Iterator[str]:
    """Stage, settings, seed, code and package versions that differ."""
    if one.stage != other.stage:
        yield f"stage: {one.stage} | {other.stage}"
    yield from _keys("settings", flat(one.settings), flat(other.settings))
    if one.content.get("seed") != other.content.get("seed") and "seed" not in one.settings:
        yield f"seed: {one.content.get('seed')} | {other.content.get('seed')}"
    if one.content["code"] != other.content["code"]:
        yield f"code: {short(one.content['code'])} | {short(other.content['code'])}"
    yield from _keys("package", one.content["versions"], other.content["versions"])


def _keys(what: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for key in dict.fromkeys([*one, *other]):
        mine, theirs = (word(side[key]) if key in side else "(not there)" for side in (one, other))
        if mine != theirs:
            yield f"{what} {key}: {mine} | {theirs}"


def _other_inputs(one: Ancestor, other: Ancestor) -> Iterator[str]:
    """Inputs that only one of the two has."""
    mine, theirs = ({parent.name for parent in side.made_from} for side in (one, other))
    for names, where in ((mine - theirs, "first"), (theirs - mine, "second")):
        for name in sorted(names):
            yield f"input {name}: only the {where} one has it"


def compared(one: Ancestor, other: Ancestor) -> str:
    """What differs between two artifacts' ways, in words."""
    if one.said == other.said:
        head = f"equal: both have sha256 {short(one.said)}"
    else:
        head = f"they differ: sha256 {short(one.said)} | {short(other.said)}"
    head = "\n".join([*dict.fromkeys(asked_of(one) + asked_of(other)), head])
    found = differences(one, other)
    if not found:
        return f"{head}\nnothing differs on the way: settings, code, packages and inputs are equal"
    lines = [head, f"the ways part at: {found[0].at}"]
    for difference in found:
        lines += ["", difference.at, *(f"  {line}" for line in difference.lines)]
        lines += [f"  inputs that differ, too: {', '.join(difference.inputs)}"] if difference.inputs else []
    return "\n".join(lines)
