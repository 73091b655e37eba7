"""The chain from every artifact back to its inputs, by the digests in the manifests; and whose code made them."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from wssis.arms.registry import arms
from wssis.audit.digests import short
from wssis.audit.finding import Finding, some
from wssis.audit.places import NO_ARTIFACTS, UNFINISHED, is_manifest, place_of, stages_at
from wssis.audit.study_files import Input, StageRecord, StudyFiles, lies_in
from wssis.config.mixes import ORACLE_MIX
from wssis.provenance import code_digest

GIVEN = ("checkpoint",)
"""Inputs that may be another study's artifact."""
WHOLE = "."
"""What findings of a whole study name in place of a file."""
SEES_ALL = ("report", "data_warnings")
"""Stages that read more than one run."""


def chain_findings(study: StudyFiles) -> Iterator[Finding]:
    """Inputs that are not the outputs they claim to be."""
    for record in study.records.values():
        for one in record.inputs:
            yield from _input_findings(study, record, one)


def _input_findings(study: StudyFiles, record: StageRecord, one: Input) -> Iterator[Finding]:
    again = f"run {record.stage} again, or put back the files and manifests of one and the same run"
    if one.path is None:
        if one.managed and one.name not in GIVEN:
            what = f"input {one.name} was {one.recorded}, outside of this study: it comes from another study's folder"
            yield Finding(record.path, what, again)
        return
    if lies_in(one.path, study.predictions):
        what = f"input {one.name} is {one.path}, an output of wssis predict, which is no part of a study"
        yield Finding(record.path, what, again)
        return
    if not _may_read(record, one.path):
        yield Finding(record.path, f"input {one.name} is {one.path}, of another run than this one", again)
    producer = study.producers.get(one.path)
    if producer is None:
        if not study.exists(one.path):
            yield Finding(record.path, f"input {one.name}, {one.path}, is gone, and no manifest lists it", again)
        return
    said = producer.outputs[one.path]
    if one.sha256 != said:
        what = (
            f"broken chain: it was made from a {one.path} with sha256 {short(one.sha256)}... (input {one.name});"
            f" by {producer.path} that file has {short(said)}..."
        )
        yield Finding(record.path, what, again)


def _may_read(record: StageRecord, path: str) -> bool:
    """Whether an artifact of that place may be an input of this run of a stage."""
    here, there = record.place, place_of(path)
    if record.stage in SEES_ALL:
        return True
    return there.dataset == here.dataset and there.run in (None, here.run, here.base)


def _at_other_mix(record: StageRecord) -> Finding | None:
    """What is wrong with a student at a mix where its arm has none: it is another arm's, under this one's name."""
    arm, mix = arms().get(record.place.student or ""), record.place.mix
    if arm is None or mix is None or arm.trained_at(mix):
        return None
    if arm.trained_at(ORACLE_MIX):
        what = f"is trained at {ORACLE_MIX} alone; this one has no more masks than {mix}, under its name"
        return Finding(record.path, f"the student of {arm.name} {what}", f"delete it; the study reads {ORACLE_MIX}'s")
    what = f"the student of {arm.name} is not trained at {mix}; this one has the masks of all images, under its name"
    return Finding(record.path, what, "delete it; the study reads those at its mixes")


def listing_findings(study: StudyFiles) -> Iterator[Finding]:
    """Files that no manifest lists, manifests at a wrong place, and what a killed run left."""
    for record in study.records.values():
        expected = stages_at(record.path)
        if expected is None:
            what = f"a manifest of the stage {record.stage} at a place where the workflow puts none, and reads none"
            yield Finding(record.path, what, "none needed, unless you look for it elsewhere", fault=False)
        elif record.place.student is not None and record.place.student not in arms():
            what = f"of an arm that this version does not know, {record.place.student}: the workflow does not read it"
            yield Finding(record.path, what, "none needed; a copy is better kept outside of the study", fault=False)
        elif record.stage not in expected:
            what = f"is of the stage {record.stage}; at this place lies the manifest of {' or '.join(expected)}"
            yield Finding(record.path, what, "delete it and run the stage of this place again")
        elif misplaced := _at_other_mix(record):
            yield misplaced
    for folder in study.predictions:
        what = "an output of wssis predict: no part of the study, not looked at"
        yield Finding(folder, what, "none needed; in a folder of its own it is out of the way", fault=False)
    for artifact in sorted(_unlisted(study)):
        yield _about_unlisted(study, artifact)


def _unlisted(study: StudyFiles) -> set[str]:
    """Files, and stores, that are in no manifest."""
    found = set()
    for path in study.sizes:
        name = path.rpartition("/")[2]
        if is_manifest(name) or NO_ARTIFACTS.fullmatch(name) or is_listed(study, path):
            continue
        found.add(_store_around(path))
    return found


def is_listed(study: StudyFiles, path: str) -> bool:
    """Whether a file, or a folder it lies in, is an output."""
    parts = path.split("/")
    return any("/".join(parts[:count]) in study.producers for count in range(len(parts), 0, -1))


def _store_around(path: str) -> str:
    """The store, or the half-written folder, that a file is part of; else the file."""
    parts = path.split("/")
    for count, part in enumerate(parts[:-1], start=1):
        if part.endswith(".zarr") or UNFINISHED.fullmatch(part):
            return "/".join(parts[:count])
    return path


def _about_unlisted(study: StudyFiles, path: str) -> Finding:
    folder, _, name = path.rpartition("/")
    if UNFINISHED.fullmatch(name):
        return Finding(path, "half written by a run that was killed", "nothing: the next run removes it", fault=False)
    unfinished = f"{folder}/model.safetensors" not in study.sizes and f"{folder}/manifest.json" not in study.sizes
    if unfinished and name == "metrics.jsonl":
        what = "a training under way, or stopped before its end"
        return Finding(path, what, "the command that runs the study goes on with it", fault=False)
    readers = [record.path for record in study.records.values() if any(one.path == path for one in record.inputs)]
    was_read = f"; {some(readers, 3)} read it" if readers else ""
    remedy = "put its manifest back, or delete the file and run its stage again"
    return Finding(path, f"no manifest lists it: nothing says who made it, and from what{was_read}", remedy)


def code_findings(study: StudyFiles) -> Iterator[Finding]:
    """Stages whose code has changed since, or which ran with several versions; differing package versions."""
    by_stage: dict[str, list[StageRecord]] = defaultdict(list)
    for record in study.records.values():
        by_stage[record.stage].append(record)
    for stage, records in by_stage.items():
        yield from _mixed_code(stage, records)
    changed = [text for stage, records in sorted(by_stage.items()) if (text := _changed_code(stage, records))]
    if changed:
        what = f"the code of these stages has changed since they ran: {', '.join(changed)}"
        yield Finding(WHOLE, what, "none to read the results; the workflow would make them again", fault=False)
    yield from _mixed_versions(study)


def _mixed_code(stage: str, records: list[StageRecord]) -> Iterator[Finding]:
    usual = Counter(record.content["code"] for record in records).most_common(1)[0][0]
    runs: dict[str | None, set[str]] = defaultdict(set)
    for record in records:
        runs[record.place.run].add(record.content["code"])
    for record in records:
        if record.content["code"] != usual:
            within = len(runs[record.place.run]) > 1
            where = "others of the same run" if within else "others of the study"
            code = short(record.content["code"])
            what = f"made by other code of {stage} ({code}...) than {where} ({short(usual)}...)"
            yield Finding(record.path, what, f"run {stage} again with one version of the code", fault=within)


def _changed_code(stage: str, records: list[StageRecord]) -> str:
    """The stage, and how many of its artifacts are of other code than the present; nothing where none is."""
    try:
        present = code_digest(stage)
    except ValueError:
        return f"{stage} (there is no such stage in this version)"
    older = sum(record.content["code"] != present for record in records)
    return f"{stage} ({older} of {len(records)})" if older else ""


def _mixed_versions(study: StudyFiles) -> Iterator[Finding]:
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for record in study.records.values():
        for package, version in record.content["versions"].items():
            seen[package][version] += 1
    for package, versions in sorted(seen.items()):
        if len(versions) > 1:
            usual = versions.most_common(1)[0][0]
            odd = [r.path for r in study.records.values() if r.content["versions"].get(package, usual) != usual]
            what = f"made with {package} {', '.join(sorted(set(versions) - {usual}))}; the most with {usual}"
            remedy = "run those stages again in one environment, or state it"
            yield Finding(odd[0], f"{what} ({len(odd)} of {len(study.records)} manifests)", remedy, fault=False)
