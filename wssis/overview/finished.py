"""Which jobs of a study are finished: a manifest lies there, made with the study's settings of what lies there now."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wssis.config.jobs import Job
from wssis.config.study import Study
from wssis.formats.manifest import read_manifest


def finished_jobs(study: Study, jobs: Sequence[Job]) -> frozenset[str]:
    """Manifests of the finished jobs.

    Not finished is also what was made with other settings, or from an output that has been made anew since, and all
    that follows from it: Snakemake will run it again. Changed code and files edited by hand are not looked for.
    """
    by_manifest = {job.manifest: job for job in jobs}
    contents = {path: read_manifest(Path(path)) for path in by_manifest if Path(path).is_file()}
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


def _differs(study: Study, job: Job, contents: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a job was given other settings, or another file than the one that lies there now."""
    content = contents[job.manifest]
    if content["settings"] != job.settings(study).model_dump(mode="json"):
        return True
    for one in content.get("inputs", {}).values():
        source = contents.get(one.get("manifest") or "")
        if source is None:
            continue
        folder = Path(one["manifest"]).parent
        made = {(folder / name).as_posix(): digest for name, digest in source["outputs"].items()}
        if made.get(one["path"], one["sha256"]) != one["sha256"]:
            return True
    return False
