"""A study's files as its manifests have them: who made what, from which inputs."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from errno import ELOOP
from pathlib import Path
from typing import Any

from wssis.audit.finding import Finding
from wssis.audit.places import PREDICTED, REPORT, Place, is_manifest, place_of
from wssis.errors import InputError
from wssis.formats.manifest import read_manifest

FIELDS = {
    "stage": str, "settings": dict, "inputs": dict, "outputs": dict, "code": str, "versions": dict, "counts": dict,
}  # fmt: skip
VERSIONED = ("python", "torch")
"""What every stage says the version of; the other packages may be absent."""
MARKS = ("prepare.manifest.json", "images.csv.manifest.json", "*/s*/*/split.manifest.json")
"""Files by which a data set's folder in a study is known, each enough."""


@dataclass(frozen=True)
class Input:
    """One input of a run of a stage.

    recorded: its path as it was then; path: the same file relative to the study's folder, None if it is no file of the
    study; managed: whether it had a manifest of its own.
    """

    name: str
    recorded: str
    path: str | None
    sha256: str
    managed: bool


@dataclass(frozen=True)
class StageRecord:
    """One manifest: path relative to the study's folder, inputs and outputs (path -> sha256) likewise."""

    path: str
    content: Mapping[str, Any]
    inputs: tuple[Input, ...]
    outputs: Mapping[str, str]

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return self.content["stage"]

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its resolved settings."""
        return self.content["settings"]

    @property
    def counts(self) -> Mapping[str, Any]:
        """What it counted."""
        return self.content["counts"]

    @property
    def retained(self) -> bool:
        """False where its outputs may be gone."""
        return bool(self.content.get("retained", True))

    @property
    def place(self) -> Place:
        """Where it lies."""
        return place_of(self.path)

    def input(self, name: str) -> str | None:
        """Path of an input of the study."""
        return next((one.path for one in self.inputs if one.name == name), None)


@dataclass
class StudyFiles:
    """One study.

    Attributes:
        root: its folder.
        sizes: relative path -> bytes of every file in it.
        records: relative path -> manifest.
        producers: relative path of an output -> the manifest that lists it.
        problems: of the manifests themselves.
        predictions: folders of `wssis predict` in the study's folder, which are no part of the study; nothing above
            has anything of them.
        in_archive: whether the folder holds what an archive of the study holds, and no more.
    """

    root: Path
    sizes: dict[str, int]
    records: dict[str, StageRecord]
    producers: dict[str, StageRecord]
    problems: list[Finding] = field(default_factory=list)
    predictions: tuple[str, ...] = ()
    in_archive: bool = False

    def full(self, path: str) -> Path:
        """Where a file of the study is."""
        return self.root / path

    def exists(self, path: str) -> bool:
        """Whether a file or folder of the study is there."""
        return path in self.sizes or self.full(path).exists()


def is_study(folder: Path) -> bool:
    """Whether a folder is that of a study: whether a data set of one lies in it."""
    return any(_is_data_set(one) for one in folder.iterdir() if _visible(one))


def _is_data_set(folder: Path) -> bool:
    return any(next(folder.glob(mark), None) is not None for mark in MARKS)


def studies_in(folder: Path) -> list[Path]:
    """The folder itself, if it is a study's, or the studies in it.

    Raises:
        InputError: there is none.
    """
    if folder.is_dir():
        found = [folder] if is_study(folder) else sorted(one for one in folder.iterdir() if _visible(one))
        studies = [one for one in found if is_study(one)]
        if studies:
            return studies
    raise InputError(f"{folder}: no study here; give a study's folder (results/NAME), or the folder of all studies")


def others_in(folder: Path) -> list[Path]:
    """Folders beside the studies that are no studies."""
    return [] if is_study(folder) else sorted(one for one in folder.iterdir() if _visible(one) and not is_study(one))


def study_around(path: Path) -> Path:
    """The folder of the study that a file belongs to.

    Raises:
        InputError: it is in none.
    """
    path = path.resolve()
    for folder in path.parents:
        first = path.relative_to(folder).parts[0]
        if _is_data_set(folder / first) or (first == REPORT and is_study(folder)):
            return folder
    raise InputError(f"{path}: is in no study's folder; give a file below results/NAME")


def read_study_files(root: Path, in_archive: bool = False) -> StudyFiles:
    """All files and manifests below a study's folder. Damaged manifests are among its `problems`."""
    everything = dict(_sizes(root))
    predictions = tuple(_predictions(everything))
    sizes = {path: size for path, size in everything.items() if not lies_in(path, predictions)}
    contents, problems = {}, []
    for path in sorted(path for path in sizes if is_manifest(path.rpartition("/")[2])):
        try:
            contents[path] = checked_manifest(root / path)
        except InputError as error:
            what = str(error).removeprefix(f"{root / path}: ")
            problems.append(Finding(path, what.partition(";")[0], "run its stage again"))
    outputs = {path: _outputs(path, content) for path, content in contents.items()}
    prefix = _recorded_root(contents.values(), {name for names in outputs.values() for name in names})
    records = {
        path: StageRecord(path, content, tuple(_inputs(content, prefix)), outputs[path])
        for path, content in contents.items()
    }
    producers: dict[str, StageRecord] = {}
    for record in records.values():
        for name in record.outputs:
            if name in producers:
                what = f"listed as an output here and in {producers[name].path}"
                problems.append(Finding(record.path, f"{name}: {what}", "delete the manifest that did not make it"))
            producers[name] = record
    return StudyFiles(root, sizes, records, producers, problems, predictions, in_archive)


def lies_in(path: str, folders: Iterable[str]) -> bool:
    """Whether a file is below one of some folders."""
    return any(path.startswith(f"{folder}/") for folder in folders)


def _predictions(paths: Iterable[str]) -> Iterator[str]:
    """Folders that `wssis predict` wrote. One with a manifest of another stage in it is none: it would hide that."""
    manifests = []
    folders = set()
    for path in paths:
        folder, _, name = path.rpartition("/")
        if name in PREDICTED:
            folders.add(folder)
        elif is_manifest(name):
            manifests.append(path)
    for folder in sorted(folders - {""}):
        if not any(lies_in(manifest, [folder]) for manifest in manifests):
            yield folder


def checked_manifest(path: Path) -> dict[str, Any]:
    """A manifest with all its fields.

    Raises:
        InputError: it is damaged, or lacks a field.
    """
    content = read_manifest(path)
    missing = [name for name, kind in FIELDS.items() if not isinstance(content.get(name), kind)]
    if missing:
        raise InputError(f"{path}: lacks {', '.join(missing)}; delete it and run its stage again")
    broken = {
        "inputs without path or sha256": [name for name, one in content["inputs"].items() if not _is_input(one)],
        "outputs without sha256": [name for name, digest in content["outputs"].items() if not isinstance(digest, str)],
        "outputs at no place below it": [name for name in content["outputs"] if not _is_below(name)],
        "no version of": [name for name in VERSIONED if name not in content["versions"]],
        "versions that are no text": [name for name, one in content["versions"].items() if not isinstance(one, str)],
    }
    for what, names in broken.items():
        if names:
            raise InputError(f"{path}: {what}: {', '.join(names)}; delete it and run its stage again")
    return content


def _is_input(one: object) -> bool:
    """Whether an entry has a file's path, and its digest."""
    texts = [one.get(key) for key in ("path", "sha256")] if isinstance(one, dict) else [None]
    return all(isinstance(text, str) and text.strip("/.") for text in texts)


def _is_below(name: str) -> bool:
    """Whether an output's name is a path below its manifest's folder."""
    return bool(name.strip("/.")) and not name.startswith("/") and ".." not in name.split("/")


def _visible(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def _sizes(root: Path) -> Iterator[tuple[str, int]]:
    """Relative path and bytes of every file below a folder, and below the folders that links in it lead to.

    Raises:
        InputError: a folder cannot be read; nothing could be said of what is in it.
    """
    around = {root.as_posix(): (_identity(root),)}
    for folder, folders, names in os.walk(root, onerror=_refuse_unreadable, followlinks=True):
        above = around.pop(Path(folder).as_posix())
        for name in list(folders):
            own = _identity(Path(folder, name))
            if own in above:  # A link back to where it lies.
                folders.remove(name)
            else:
                around[Path(folder, name).as_posix()] = (*above, own)
        for name in names:
            path = Path(folder, name)
            try:
                yield path.relative_to(root).as_posix(), path.stat().st_size
            except FileNotFoundError:  # A running stage has removed or renamed it; or a link that leads nowhere.
                continue
            except OSError as error:
                if error.errno != ELOOP:
                    raise


def _identity(folder: Path) -> tuple[int, int] | None:
    """What is the same for two paths of one folder; None where it has just gone."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _refuse_unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); make it readable, and audit again")


def _outputs(path: str, content: Mapping[str, Any]) -> dict[str, str]:
    folder = path.rpartition("/")[0]
    return {f"{folder}/{name}": digest for name, digest in content["outputs"].items()}


def _recorded_root(contents: Iterable[Mapping[str, Any]], outputs: set[str]) -> str | None:
    """Where the study's folder was when its stages ran: what stands before its outputs in most of the input paths."""
    votes: Counter[str] = Counter()
    for content in contents:
        for one in content["inputs"].values():
            parts = one["path"].split("/")
            for start in range(1, len(parts)):
                if "/".join(parts[start:]) in outputs:
                    votes["/".join(parts[:start])] += 1
    return votes.most_common(1)[0][0] if votes else None


def _inputs(content: Mapping[str, Any], prefix: str | None) -> Iterator[Input]:
    for name, one in content["inputs"].items():
        recorded = one["path"]
        inside = prefix is not None and recorded.startswith(f"{prefix}/")
        path = recorded[len(prefix) + 1 :] if inside and prefix is not None else None
        yield Input(name, recorded, path, one["sha256"], "manifest" in one)
