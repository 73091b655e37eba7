"""The audit of a study, from its manifests to its last point, and its account in words."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from wssis.audit import balance, networks
from wssis.audit.balance import balance_findings
from wssis.audit.blindness import blindness_findings
from wssis.audit.chains import chain_findings, code_findings, listing_findings
from wssis.audit.contents import read_contents, reader_of
from wssis.audit.digests import digest_findings, present_digests
from wssis.audit.equal_terms import term_findings
from wssis.audit.finding import Finding, StudyAudit, some
from wssis.audit.input_places import input_findings
from wssis.audit.networks import network_findings
from wssis.audit.output_names import output_findings
from wssis.audit.places import HASHED_ALONE
from wssis.audit.remeasuring import measured, remeasured_findings
from wssis.audit.rescoring import rescored_findings, scored
from wssis.audit.study_files import StageRecord, StudyFiles, read_study_files
from wssis.audit.values import flat
from wssis.config.network import NOT_FILES

LAST = "report/manifest.json"
SHOWN = 200
"""Findings that are printed; the rest is counted."""


def audit_study(root: Path, workers: int = 0, rescore: bool = False) -> StudyAudit:
    """Audit one study's folder.

    workers: processes that read the contents of a large study. rescore: compute AP and IoU once more.
    """
    return audit_files(read_study_files(root), str(root), workers, rescore)


def audit_files(study: StudyFiles, name: str, workers: int = 0, rescore: bool = False) -> StudyAudit:
    """Audit what is there of a study: in a folder, or unpacked from an archive."""
    digests, hashed = present_digests(study)
    facts, unread = read_contents(study, workers)
    audit = StudyAudit(name, len(study.records), len(study.producers), len(facts), hashed)
    audit.findings += study.problems
    audit.findings += digest_findings(study, digests)
    audit.findings += chain_findings(study)
    audit.findings += input_findings(study)
    audit.findings += output_findings(study)
    audit.findings += listing_findings(study)
    audit.findings += unread
    audit.findings += blindness_findings(study)
    audit.findings += balance_findings(study, facts)
    audit.findings += network_findings(study, facts)
    audit.findings += term_findings(study)
    audit.findings += [*rescored_findings(study), *remeasured_findings(study)] if rescore else ()
    audit.findings += code_findings(study)
    audit.findings += _state_findings(study, digests)
    audit.unchecked += _unchecked(study, digests)
    audit.unchecked += () if rescore else _uncounted(study)
    return audit


def _uncounted(study: StudyFiles) -> Iterator[str]:
    """What is only computed again where that is asked for."""
    if networks_scored := scored(study):
        yield f"whether the scores of {len(networks_scored)} networks are those of their detections: --rescore"
    if arms_measured := measured(study):
        yield f"whether the IoU of {len(arms_measured)} arms' pseudo masks are those of the masks: --rescore"


def _state_findings(study: StudyFiles, digests: Iterable[str]) -> Iterator[Finding]:
    """What is unfinished, and what was temporary: both are legal."""
    if LAST not in study.records:
        done = ", ".join(f"{stage} {number}" for stage, number in sorted(_stages(study).items()))
        what = f"the study is unfinished: no report yet (done: {done or 'nothing'})"
        yield Finding(LAST, what, "the command that runs the study goes on with it", fault=False)
    elif apart := _not_reported(study):
        what = f"{len(apart)} evaluated networks are not in the report: {some(apart, 3)}"
        remedy = "none needed, if their arms are no longer in the study; else run report again"
        yield Finding(LAST, what, remedy, fault=False)
    gone = [path for path in study.producers if not study.producers[path].retained and path not in digests]
    if gone and not study.in_archive:
        what = f"{len(gone)} temporary artifacts are gone, as their manifests say"
        yield Finding(gone[0], what, "none needed; the workflow makes them again where it must", fault=False)


def _not_reported(study: StudyFiles) -> list[str]:
    read = {one.path for one in study.records[LAST].inputs}
    made = (path for record in study.records.values() if record.stage == "evaluate" for path in record.outputs)
    return sorted(path for path in made if path.endswith("/scores.json") and path not in read)


def _stages(study: StudyFiles) -> Counter[str]:
    return Counter(record.stage for record in study.records.values())


def _unchecked(study: StudyFiles, digests: Iterable[str]) -> Iterator[str]:
    """What the audit cannot vouch for."""
    given = sorted({one.recorded for record in study.records.values() for one in record.inputs if one.path is None})
    if given:
        yield f"{len(given)} given files from outside of the study, their digests are on record: {some(given, 3)}"
    weights = {word for record in study.records.values() if (word := _unrecorded_weights(record)) is not None}
    if weights:
        yield f"files of backbone weights, of which no digest is on record: {some(sorted(weights), 3)}"
    unknown = sorted(path for path in digests if reader_of(path) is None and not HASHED_ALONE.fullmatch(path))
    if unknown:
        yield f"the content of {len(unknown)} artifacts of a kind that has no check: {some(unknown, 3)}"
    stages = sorted(set(_stages(study)) - {*balance.CHECKS, *networks.CHECKS, *networks.KINDS, "predict_shown"})
    if stages:
        yield f"the counts of stages that have no check: {', '.join(stages)}"
    away = Counter(study.producers[path].stage for path in set(study.producers) - set(digests))
    if away:
        kinds = ", ".join(f"{stage} {number}" for stage, number in sorted(away.items()))
        yield f"the content of {away.total()} artifacts that are not here ({kinds}); their digests fit the chains"


def _unrecorded_weights(record: StageRecord) -> str | None:
    """The file that a training's backbone started from, where the manifest has no digest of it, as older ones have."""
    file = flat(record.settings).get("network.backbone.weights")
    recorded = {one.name for one in record.inputs} & {"weights", "checkpoint"}
    return None if file is None or file in NOT_FILES or recorded else str(file)


def account(audits: Iterable[StudyAudit]) -> str:
    """The findings of all studies, and a summary of each."""
    return "\n\n".join("\n".join(map(_one_line, _study_lines(audit))) for audit in audits)


def _one_line(line: str) -> str:
    """A line in which a file's name with a line break in it looks like no line of its own.

    >>> _one_line("a\\nb ä")
    'a\\\\nb ä'
    """
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in line)


def _study_lines(audit: StudyAudit) -> Iterator[str]:
    """One study: its findings by file, then the summary."""
    yield audit.study
    for title, findings in (("FAULT", audit.faults), ("note", audit.notes)):
        file = ""
        for finding in sorted(findings, key=lambda one: one.file)[:SHOWN]:
            yield from () if finding.file == file else (f"  {title}  {finding.file}",)
            file = finding.file
            yield f"         {finding.what}"
            yield f"         remedy: {finding.remedy}"
        if len(findings) > SHOWN:
            yield f"  {title}  ... and {len(findings) - SHOWN} more"
    for line in audit.unchecked:
        yield f"  not checked: {line}"
    yield (
        f"  {audit.manifests} manifests, {audit.artifacts} artifacts, {audit.bytes / 1e6:,.1f} MB hashed,"
        f" {audit.read} read: {len(audit.faults)} faults, {len(audit.notes)} notes"
    )


def print_account(audits: list[StudyAudit]) -> int:
    """Print the account; the exit status: 1 where there is a fault."""
    encoding = sys.stdout.encoding or "utf-8"  # Names of files may hold what the terminal cannot show.
    print(account(audits).encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()
    return int(any(audit.faults for audit in audits))
