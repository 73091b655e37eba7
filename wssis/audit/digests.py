"""Every output's digest against the files: the expensive part of an audit."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from wssis.audit.finding import Finding
from wssis.audit.study_files import StudyFiles
from wssis.formats.manifest import digest_of

LONG_ENOUGH = 12
"""Digits of a digest that are shown."""


def short(digest: str) -> str:
    """The first digits of a digest."""
    return digest[:LONG_ENOUGH]


def present_digests(study: StudyFiles) -> tuple[dict[str, str], int]:
    """Digest of every listed output that is there, and how many bytes were read for them.

    Several threads hash: it lets others run.
    """
    sizes = {path: _bytes(study, path) for path in study.producers if study.exists(path)}
    found = {}
    with (
        tqdm(total=sum(sizes.values()), desc="digests", unit="B", unit_scale=True, disable=None, leave=False) as bar,
        ThreadPoolExecutor() as pool,
    ):
        for path, digest in zip(sizes, pool.map(digest_of, map(study.full, sizes)), strict=True):
            found[path] = digest
            bar.update(sizes[path])
    return found, sum(sizes.values())


def _bytes(study: StudyFiles, path: str) -> int:
    """Size of a file, or of a folder's files."""
    return study.sizes.get(path) or sum(size for name, size in study.sizes.items() if name.startswith(f"{path}/"))


def digest_findings(study: StudyFiles, digests: Mapping[str, str]) -> Iterator[Finding]:
    """Outputs whose content is not what their manifest says; and outputs that are gone.

    digests: of `present_digests`.
    """
    for path, record in study.producers.items():
        if path in digests:
            if digests[path] != record.outputs[path]:
                found, said = short(digests[path]), short(record.outputs[path])
                what = f"changed since it was written: its sha256 is {found}..., {record.path} says {said}..."
                yield Finding(path, what, f"put the file back, or run {record.stage} again and all that follows")
        elif record.retained and not study.in_archive:
            what = f"is gone; {record.path} lists it and does not call it temporary"
            remedy = f"put it back, or run {record.stage} again; big stores may go with crops.temporary"
            yield Finding(path, what, remedy)
