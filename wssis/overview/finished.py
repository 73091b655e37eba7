"""Which jobs of a study are finished: a manifest lies there, made with the study's settings of what lies there now."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wssis.config.jobs import Job
from wssis.config.study import Study
from wssis.errors import InputError
from wssis.formats.manifest import read_manifest


def finished_jobs(study: Study, jobs: Sequence[Job]) -> frozenset[str]:
    """Manifests of the finished jobs.

    Not finished is also what was made with other settings, without something that it needs by now, or from an output
    that was made anew since, and all that follows from it: Snakemake will run it again. Changed code, given files that
    changed and outputs edited by hand are not looked for.
    """
    by_manifest = {job.manifest: job for job in jobs}
    contents = {path: _read(path) for path in by_manifest if Path(path).is_file()}
    outdated: dict[str, bool] = {}
    for job in _upstream_first(jobs, by_manifest):
        own = job.manifest in contents and _differs(study, job, contents)
        outdated[job.manifest] = own or any(outdated.get(before, False) for before in job.before)
    return frozenset(path for path in contents if not outdated[path])


def _upstream_first(jobs: Sequence[Job], by_manifest: Mapping[str, Job]) -> Iterator[Job]:
    """All jobs, each after those whose outputs it reads."""
    seen: set[str] = set()

    def visit(job: Job) -> Iterator[Job]:
        if job.manifest in seen:
            return
        seen.add(job.manifest)
        for before in job.before:
            if before in by_manifest:
                yield from visit(by_manifest[before])
        yield job

    for job in jobs:
        yield from visit(job)


def _read(path: str) -> dict[str, Any]:
    content = read_manifest(Path(path))
    if not isinstance(content.get("settings"), dict) or not isinstance(content.get("inputs", {}), dict):
        raise InputError(f"{path}: not a manifest (no sound settings and inputs); delete it and run its stage again")
    return content


def _differs(study: Study, job: Job, contents: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a job was given other settings or files than it would be now."""
    content = contents[job.manifest]
    if content["settings"] != job.settings(study).model_dump(mode="json"):
        return True
    inputs = content.get("inputs", {}).values()
    read = {one.get("manifest") for one in inputs}
    if inputs and any(before not in read and before not in contents for before in job.before):
        return True
    return any(_made_anew(one, content, contents) for one in inputs)


def _made_anew(one: Mapping[str, str], content: Mapping[str, Any], contents: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether an input was made once more, and came out otherwise, after the job that read it."""
    manifest = one.get("manifest", "")
    source = contents.get(manifest)
    if source is None or source.get("finished", "") < content.get("finished", ""):
        return False
    name = Path(one["path"]).relative_to(Path(manifest).parent).as_posix()
    return source["outputs"].get(name, one["sha256"]) != one["sha256"]
