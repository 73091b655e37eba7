"""Every output's digest against the files: the expensive part of an audit."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from wssis.audit.finding import Finding
from wssis.audit.places import is_packed
from wssis.audit.study_files import StageRecord, StudyFiles
from wssis.errors import InputError
from wssis.formats.manifest import digest_of

LONG_ENOUGH = 12
"""Digits of a digest that are shown."""
Digest = str | InputError | OSError
"""The digest of a file or folder, or why there is none: it is no such thing, or may not be read."""


def short(digest: str) -> str:
    """The first digits of a digest."""
    return digest[:LONG_ENOUGH]


def present_digests(study: StudyFiles) -> tuple[dict[str, Digest], int]:
    """Digest of every listed output that is there, and how many bytes were read.

    Several threads hash: it lets others run.
    """
    sizes = {path: _bytes(study, path) for path in study.producers if study.exists(path)}
    found = {}
    with (
        tqdm(total=sum(sizes.values()), desc="digests", unit="B", unit_scale=True, disable=None, leave=False) as bar,
        ThreadPoolExecutor() as pool,
    ):
        for path, digest in zip(sizes, pool.map(_digest, map(study.full, sizes)), strict=True):
            found[path] = digest
            bar.update(sizes[path])
    return found, sum(sizes.values())


def _digest(path: Path) -> Digest:
    try:
        return digest_of(path)
    except (InputError, OSError) as error:
        return error


def _bytes(study: StudyFiles, path: str) -> int:
    """Size of a file, or of a folder's files."""
    return study.sizes.get(path) or sum(size for name, size in study.sizes.items() if name.startswith(f"{path}/"))


def digest_findings(study: StudyFiles, digests: Mapping[str, Digest]) -> Iterator[Finding]:
    """Outputs whose content is not what their manifest says; and outputs that are gone.

    digests: of `present_digests`.
    """
    for path, record in study.producers.items():
        digest = digests.get(path)
        if isinstance(digest, Exception):
            reason = (digest.strerror if isinstance(digest, OSError) else None) or digest
            yield Finding(path, f"cannot be read ({reason})", "make it a file that can be read, and audit again")
        elif digest is None:
            if record.retained and (not study.in_archive or is_packed(path)):
                yield _gone(path, record, study.in_archive)
        elif digest != record.outputs[path]:
            found, said = short(digest), short(record.outputs[path])
            what = f"changed since it was written: its sha256 is {found}..., {record.path} says {said}..."
            yield Finding(path, what, f"put the file back, or run {record.stage} again and all that follows")


def _gone(path: str, record: StageRecord, in_archive: bool) -> Finding:
    what = f"is gone; {record.path} lists it and does not call it temporary"
    if in_archive:
        return Finding(path, what, "get the archive again from who made it")
    more = "; big stores may go with crops.temporary" if path.endswith(".zarr") else ""
    return Finding(path, what, f"put it back, or run {record.stage} again{more}")
