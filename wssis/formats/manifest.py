"""The manifest of a stage's run: which settings and code made which outputs from which inputs."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from wssis.config.section import Section
from wssis.errors import InputError
from wssis.formats.atomic import refuse_folder, write_text
from wssis.formats.strays import SNAKEMAKE_TIMESTAMP
from wssis.provenance import code_digest, package_versions

LARGE = 64 * 2**20
"""Size in bytes from which an input is referred to by its own manifest instead of being hashed again."""


def digest_of(path: Path) -> str:
    """sha256, in hex, of a file; or of a folder: its files' relative names and digests in sorted order.

    Snakemake's `.snakemake_timestamp`, which it puts into folders, does not count.

    Raises:
        InputError: there is nothing at `path`.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and file.name != SNAKEMAKE_TIMESTAMP)
        with ThreadPoolExecutor() as pool:  # Hashing lets other threads run, and a store may have 100 GB.
            digests = list(pool.map(digest_of, files))
        named = zip(files, digests, strict=True)
        lines = "".join(f"{file.relative_to(path).as_posix()}\0{digest}\n" for file, digest in named)
        return hashlib.sha256(lines.encode()).hexdigest()
    if not path.is_file():
        raise InputError(f"{path}: not found; run the stage that writes it, or correct the path")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest.

    Raises:
        InputError: the file is missing, is no JSON object, or lists no outputs.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: manifest not found; run the stage that writes it") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a manifest ({error}); delete it and run its stage again") from None
    if not isinstance(content, dict) or not isinstance(content.get("outputs"), dict):
        raise InputError(f"{path}: not a manifest (no outputs listed); delete it and run its stage again")
    return content


def _manifests_near(path: Path) -> Iterator[Path]:
    """Manifests that may list `path`: its own first, then those in its folder."""
    own = path.with_name(f"{path.name}.manifest.json")
    folder = [path.with_name("manifest.json"), *sorted(path.parent.glob("*.manifest.json"))]
    yield from (manifest for manifest in dict.fromkeys([own, *folder]) if manifest.is_file())


def manifest_of(path: Path) -> Path | None:
    """The manifest that lists `path` among its outputs, or None."""
    path = Path(path)
    for manifest in _manifests_near(path):
        try:
            outputs = read_manifest(manifest)["outputs"]
        except InputError:  # A file of that name by another program, which is nobody's business here.
            continue
        if path.name in outputs:
            return manifest
    return None


def input_record(path: Path) -> dict[str, str]:
    """What a manifest says of an input: path, sha256, and the manifest that lists it, if there is one.

    A folder, or a file of 64 MB and more, that is listed in a manifest is not hashed again.
    """
    path = Path(path)
    manifest = manifest_of(path) if path.exists() else None
    if manifest is not None and (path.is_dir() or path.stat().st_size >= LARGE):
        digest = read_manifest(manifest)["outputs"][path.name]
    else:
        digest = digest_of(path)
    record = {"path": path.as_posix(), "sha256": digest}
    return record if manifest is None else {**record, "manifest": manifest.as_posix()}


@dataclass(frozen=True)
class _OlderManifest:
    """A manifest that a run is about to replace, and how its outputs lay there then."""

    path: Path
    aside: Path
    outputs: dict[Path, tuple[int, ...] | None]

    @classmethod
    def set_aside(cls, path: Path) -> Self | None:
        """Rename it, to what is no manifest's name; a full disk allows that. None where there is no manifest."""
        aside = path.with_name(f".tmp-{path.name}.older")
        aside.unlink(missing_ok=True)  # A killed run's.
        if not path.is_file():
            return None
        try:
            outputs = [path.parent / name for name in read_manifest(path)["outputs"]]
        except InputError:  # It vouches for nothing, but it may be somebody's.
            outputs = []
        states = {output: _state(output) for output in outputs}
        os.replace(path, aside)
        return cls(path, aside, states)

    def put_back(self) -> None:
        """With its old time, so that nothing reruns; not if an output is no longer the file that it was."""
        if all(_state(output) == state for output, state in self.outputs.items()):
            os.replace(self.aside, self.path)
        else:
            self.forget()

    def forget(self) -> None:
        """Nobody needs it any more."""
        self.aside.unlink(missing_ok=True)


def _state(path: Path) -> tuple[int, ...] | None:
    """What changes when a file or folder is replaced or written to; None where there is none."""
    if not path.exists():
        return None
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


class StageRun:
    """Context of one run of a stage; leaves the manifest behind when the run ends well.

    An older manifest at the same place is removed before the stage's own work: it must not vouch for half-written
    outputs. It is put back if the run fails before it has touched them.

    Args:
        stage: name of the stage, as in the command line.
        manifest: where to write; outputs are named relative to its folder.
        settings: the stage's resolved settings; their `seed`, if any, is repeated at the top level.
        inputs: name -> file or store that the run reads; hashed at the start, before anything can change them.
        code: code digest of the stage; computed when omitted.

    Attributes:
        counts: what the stage counted; it fills them in.
        retained: False where the outputs are temporary: the manifest stays, and says so.
    """

    def __init__(
        self, stage: str, manifest: Path, settings: Section, inputs: Mapping[str, Path], code: str | None = None
    ) -> None:
        self.stage = stage
        self.manifest = Path(manifest)
        self.settings = settings
        self.inputs = {name: Path(path) for name, path in inputs.items()}
        self.code = code
        self.counts: dict[str, int | float | str] = {}
        self.retained = True
        self._outputs: list[Path] = []
        self._discarded: list[Path] = []

    def output(self, *paths: Path) -> None:
        """Register outputs, files or stores; they are hashed when the run ends."""
        self._outputs.extend(Path(path) for path in paths)

    def discard(self, *folders: Path) -> None:
        """Register folders that are removed once the manifest vouches for the outputs, such as a resume state."""
        self._discarded.extend(Path(folder) for folder in folders)

    def __enter__(self) -> Self:
        refuse_folder(self.manifest)  # Before the work, not after it.
        self._begun = time.monotonic()
        self._records = {name: input_record(path) for name, path in self.inputs.items()}
        if self.code is None:
            self.code = code_digest(self.stage)
        self._older = _OlderManifest.set_aside(self.manifest)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            write_text(self.manifest, json.dumps(self._content(), indent=1, ensure_ascii=False) + "\n")
            for folder in self._discarded:
                shutil.rmtree(folder)
            if self._older is not None:
                self._older.forget()
        elif self._older is not None:
            self._older.put_back()

    def _content(self) -> dict[str, Any]:
        folder = self.manifest.parent
        return {
            "stage": self.stage,
            **({} if self.retained else {"retained": False}),
            "settings": self.settings.model_dump(mode="json"),
            "seed": getattr(self.settings, "seed", None),
            "inputs": self._records,
            "outputs": {path.relative_to(folder).as_posix(): digest_of(path) for path in self._outputs},
            "code": self.code,
            "versions": package_versions(),
            "counts": self.counts,
            "duration": round(time.monotonic() - self._begun, 3),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
