"""A study's answer and its whole record in one file, from which another machine can verify the audit without the data.

A zip: `archive.json` (study, and sha256 of every other file), `audit.txt` (the full audit on the machine that had the
data), `environment.txt` (installed packages), `config/` (the study's configuration: the files, and study.json, what
they come to), and below `study/` the small artifacts at their places: all manifests, the report, splits, scores,
metrics. Equal content gives equal bytes.
"""

import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from platform import python_version
from typing import Any

from wssis.audit.auditing import LAST, account, audit_files
from wssis.audit.chains import is_listed
from wssis.audit.finding import Finding, StudyAudit, some
from wssis.audit.places import is_manifest, is_packed
from wssis.audit.study_files import StudyFiles, read_study_files
from wssis.audit.values import flat
from wssis.config.files import read_study
from wssis.config.jobs import jobs_of
from wssis.config.study import Study
from wssis.errors import InputError
from wssis.formats.atomic import temporary_path
from wssis.formats.manifest import digest_of
from wssis.provenance import package_versions

INDEX, STUDY, CONFIG = "archive.json", "study", "config/study.json"
ALWAYS = ("audit.txt", "environment.txt", CONFIG)
"""What is in every archive, beside the index and the study."""
LARGEST_INDEX = 64 * 2**20
"""Bytes of archive.json beyond which a file is no archive of ours."""


def export_study(folder: Path, archive: Path, config: Path, configfiles: Sequence[Path], workers: int = 0) -> list[str]:
    """Write the archive of a study; returns what is worth knowing of it, line by line.

    Args:
        folder: the study's folder, results/NAME.
        archive: the zip to write.
        config, configfiles: config.yaml and the study files over it.

    Raises:
        InputError: it is no study's folder, the audit finds a fault, or the configuration is another study's.
    """
    if archive.suffix != ".zip":
        raise InputError(f"{archive}: the archive is a zip; give a name that ends in .zip")
    files = read_study_files(folder)
    if not files.records:
        raise InputError(f"{folder}: no study's folder; give results/NAME")
    study = read_study(config, configfiles)
    if study.study != folder.resolve().name:
        raise InputError(f"{folder}: the configuration is that of the study {study.study}; name its --configfile")
    audit = audit_files(files, study.study, workers)
    if audit.faults:
        what = f"{len(audit.faults)} faults, the first: {audit.faults[0].file}: {audit.faults[0].what}"
        raise InputError(f"{folder}: {what}; see wssis audit {folder}, and mend them first")
    differing = other_settings(study, files)
    with tempfile.TemporaryDirectory() as temporary:
        staging = Path(temporary)
        _stage(staging, files, [config, *configfiles], study)
        (staging / "audit.txt").write_text(account([audit]) + "\n", encoding="utf-8")
        _write_zip(staging, archive, study.study, differing)
    told = [f"{archive}: {archive.stat().st_size / 1e6:.1f} MB, sha256 {digest_of(archive)}"]
    told += [note.what for note in audit.findings if note.file == LAST and not note.fault]
    if differing:
        what = "manifests have other settings than this configuration gives"
        told.append(f"{len(differing)} {what}: {some(differing, 3)}")
    return told + [f"environment.txt is of today: the study ran with {line}" for line in other_packages(files)]


def other_settings(study: Study, files: StudyFiles) -> list[str]:
    """Manifests whose settings are not those that the configuration comes to, and the keys that differ."""
    prefix = f"results/{study.study}/"
    found = []
    for job in jobs_of(study):
        record = files.records.get(job.manifest.removeprefix(prefix))
        if record is None:
            continue
        ran, given = flat(record.settings), flat(job.settings(study).model_dump(mode="json"))
        keys = [key for key in dict.fromkeys([*ran, *given]) if ran.get(key, ...) != given.get(key, ...)]
        found += [f"{record.path} ({some(keys, 3)})"] if keys else []
    return found


def other_packages(files: StudyFiles) -> list[str]:
    """Packages of which the study's stages had another version than is installed now."""
    here = package_versions()
    ran = {(name, version) for record in files.records.values() for name, version in record.content["versions"].items()}
    return [f"{name} {version}, not {here.get(name)}" for name, version in sorted(ran) if here.get(name) != version]


def _stage(staging: Path, files: StudyFiles, configs: Sequence[Path], study: Study) -> None:
    """Lay out the archive's content in a folder."""
    for path in files.sizes:
        name = path.rpartition("/")[2]
        if is_manifest(name) or (is_packed(path) and is_listed(files, path)):
            _copy(files.full(path), staging / STUDY / path)
    for place, path in enumerate(configs):
        _copy(path, staging / "config" / f"{place}-{path.name}")
    (staging / CONFIG).write_text(study.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (staging / "environment.txt").write_text("\n".join(_environment()) + "\n", encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _environment() -> Iterator[str]:
    """Python and all installed packages, as pip takes them."""
    yield f"# Python {python_version()}"
    yield from sorted({f"{one.metadata['Name']}=={one.version}" for one in distributions()}, key=str.lower)


def _write_zip(staging: Path, archive: Path, name: str, differing: Sequence[str]) -> None:
    paths = sorted(path for path in staging.rglob("*") if path.is_file())
    digests = {path.relative_to(staging).as_posix(): digest_of(path) for path in paths}
    index = {"study": name, "other_settings": list(differing), "files": digests}
    with temporary_path(archive) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as out:
        _add(out, INDEX, (json.dumps(index, indent=1) + "\n").encode())
        for path in paths:
            _add(out, path.relative_to(staging).as_posix(), path.read_bytes())


def _add(out: zipfile.ZipFile, name: str, content: bytes) -> None:
    """One file, without the time of day."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    out.writestr(entry, content)


def audit_archive(archive: Path) -> StudyAudit:
    """Audit an archive: its files, and the chains in its manifests.

    Raises:
        InputError: it is no archive of a study.
    """
    with _unpacked(archive) as (folder, index):
        files = read_study_files(folder / STUDY, in_archive=True)
        audit = audit_files(files, f"{archive}, study {index['study']}")
        audit.findings[:0] = [*_file_findings(folder, index["files"]), *_gone(folder, files)]
        audit.findings += _about_settings(folder / CONFIG, index["other_settings"], files)
        return audit


def _gone(folder: Path, files: StudyFiles) -> Iterator[Finding]:
    """What every archive has, whatever its index lists: who leaves it out can write another index."""
    remedy = "get the archive again from who made it"
    for name in ALWAYS:
        if not (folder / name).is_file():
            yield Finding(name, "every archive has it, this one does not", remedy)
    if not files.records:
        yield Finding(STUDY, "holds no manifest: there is nothing to verify", remedy)


def _about_settings(config: Path, told: Sequence[str], files: StudyFiles) -> Iterator[Finding]:
    """Manifests whose settings are not those of the archive's own configuration, as it was told or is seen here."""
    if not config.is_file():
        return  # Which is told as a fault.
    try:
        differing = told or other_settings(Study.model_validate_json(config.read_bytes()), files)
    except (OSError, ValueError, InputError) as error:
        reason = str(error).partition("\n")[0]
        what = f"cannot be read by this version ({reason}): whether the manifests have its settings is not checked"
        yield Finding(CONFIG, what, "read the archive with the version of wssis that made it", fault=False)
        return
    if differing:
        what = f"{len(differing)} manifests have other settings than the configuration comes to"
        remedy = f"none, if the package has changed since; else state it: {some(differing, 3)}"
        yield Finding(CONFIG, what, remedy, fault=False)


@contextmanager
def _unpacked(archive: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Lend a folder with the archive's files, and its index."""
    with tempfile.TemporaryDirectory() as temporary:
        try:
            with zipfile.ZipFile(archive) as packed:
                if packed.getinfo(INDEX).file_size > LARGEST_INDEX:
                    raise ValueError("its index is too large")
                index = json.loads(packed.read(INDEX))
                kinds = {"study": str, "other_settings": list, "files": dict}
                if not isinstance(index, dict) or any(not isinstance(index.get(k), kind) for k, kind in kinds.items()):
                    raise ValueError("its index lacks files, study or other_settings")
                packed.extractall(temporary)
        except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError, RuntimeError) as error:
            raise InputError(f"{archive}: no whole archive of a study ({error}); make it with export-study") from None
        yield Path(temporary), index


def _file_findings(folder: Path, digests: dict[str, str]) -> Iterator[Finding]:
    """Files of the archive that are gone, changed or too many."""
    remedy = "get the archive again from who made it"
    here = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {INDEX}
    for name in sorted(here | set(digests)):
        if name not in here:
            yield Finding(name, f"{INDEX} lists it, but it is not in the archive", remedy)
        elif name not in digests:
            yield Finding(name, f"is in the archive, but {INDEX} does not list it", remedy)
        elif digest_of(folder / name) != digests[name]:
            yield Finding(name, f"changed since the archive was made: {INDEX} has another sha256", remedy)
