"""Which jobs of a study are finished: a manifest lies there, made with the study's settings of what lies there now."""

from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
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
    outdated: set[str] = set()
    for path in TopologicalSorter({job.manifest: job.before for job in jobs}).static_order():
        own = path in contents and _differs(study, by_manifest[path], contents)
        if own or (path in by_manifest and not outdated.isdisjoint(by_manifest[path].before)):
            outdated.add(path)
    return frozenset(contents.keys() - outdated)


def _read(path: str) -> dict[str, Any]:
    content = read_manifest(Path(path))
    kinds = {"settings": dict, "inputs": dict, "finished": str}
    if not all(isinstance(content.get(name), kind) for name, kind in kinds.items()):
        what = f"no sound {', '.join(kinds)}"
        raise InputError(f"{path}: not a manifest ({what}); delete it and run its stage again")
    return content


def _differs(study: Study, job: Job, contents: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a job was given other settings or files than it would be now."""
    content = contents[job.manifest]
    if content["settings"] != job.settings(study).model_dump(mode="json"):
        return True
    inputs = content["inputs"].values()
    read = {one.get("manifest") for one in inputs}
    if any(before not in read and before not in contents for before in job.before):
        return True
    return any(_made_anew(one, content, contents) for one in inputs)


def _made_anew(one: Mapping[str, str], content: Mapping[str, Any], contents: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether an input was made once more, and came out otherwise, after the job that read it."""
    manifest = one.get("manifest", "")
    source = contents.get(manifest)
    if source is None or source["finished"] < content["finished"]:
        return False
    name = Path(one["path"]).relative_to(Path(manifest).parent).as_posix()
    return source["outputs"].get(name, one["sha256"]) != one["sha256"]
