"""wssis export-study: one archive, from which the audit is verified without the data."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from audit_fixtures import copied
from dag_runs import REPOSITORY

from wssis.audit.archive import audit_archive, export_study
from wssis.cli import main
from wssis.errors import InputError
from wssis.formats.manifest import digest_of

RUN = "study/shapes/50pct/s0/base"


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """config.yaml, and a study file that names the small study."""
    path = tmp_path_factory.mktemp("configuration") / "mini.yaml"
    path.write_text(yaml.safe_dump({"study": "mini"}))
    return REPOSITORY / "config.yaml", [path]


@pytest.fixture(scope="module")
def archive(
    sound_study: Path, configs: tuple[Path, list[Path]], tmp_path_factory: pytest.TempPathFactory
) -> Path:  # fmt: skip
    """The archive of the sound study."""
    path = tmp_path_factory.mktemp("archive") / "mini.zip"
    export_study(sound_study, path, *configs)
    return path


def _changed(archive: Path, target: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """A copy of an archive with changed files; its index is left as it is, unless `change` changes it."""
    with zipfile.ZipFile(archive) as packed:
        content = {name: packed.read(name) for name in packed.namelist()}
    change(content)
    with zipfile.ZipFile(target, "w") as packed:
        for name, data in content.items():
            packed.writestr(name, data)
    return target


def _faults(archive: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for fault in audit_archive(archive).faults:
        found[fault.file] = f"{found.get(fault.file, '')}{fault.what}\n"
    return found


def test_what_is_in_it(archive: Path, sound_study: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        names = set(packed.namelist())
        manifests = {f"study/{path.relative_to(sound_study)}" for path in sound_study.rglob("*manifest.json")}
        report = {f"study/{path.relative_to(sound_study)}" for path in (sound_study / "report").rglob("*.*")}
        assert manifests | report <= names and {"study/report/index.html", "study/report/scores.csv"} <= report
        assert {f"{RUN}/students/wssis/scores.json", "config/0-config.yaml", "config/1-mini.yaml"} <= names
        assert json.loads(packed.read("config/study.json"))["study"] == "mini"
        assert "torch==" in packed.read("environment.txt").decode()
        assert "0 faults" in packed.read("audit.txt").decode()
        assert not [name for name in names if name.endswith((".safetensors", ".png", "weak.json"))]


def test_it_is_sound_and_says_what_it_could_not_check(archive: Path, sound_study: Path) -> None:
    audit = audit_archive(archive)
    assert audit.faults == [] and audit.manifests == len(list(sound_study.rglob("*manifest.json"))) > 50
    unchecked = "\n".join(audit.unchecked)
    assert "content of" in unchecked and "crops 7" in unchecked and "their digests fit the chains" in unchecked


def test_the_same_study_gives_the_same_archive(
    archive: Path, sound_study: Path, configs: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    told = export_study(sound_study, tmp_path / "again.zip", *configs)
    assert digest_of(tmp_path / "again.zip") == digest_of(archive)
    assert digest_of(archive) in told[0]


def test_other_settings_are_told(sound_study: Path, configs: tuple[Path, list[Path]], tmp_path: Path) -> None:
    """The small study was not run with the settings of config.yaml."""
    told = "\n".join(export_study(sound_study, tmp_path / "a.zip", *configs))
    assert "other settings than this configuration gives: shapes/prepare.manifest.json (size" in told
    (note,) = [one for one in audit_archive(tmp_path / "a.zip").notes if one.file == "config/study.json"]
    assert "other settings than the configuration comes to" in note.what


def test_an_unfinished_study_is_packed_and_said_to_be_so(
    sound_study: Path, configs: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    study = copied(sound_study, tmp_path)
    assert not any("no report yet" in line for line in export_study(study, tmp_path / "a.zip", *configs))
    shutil.rmtree(study / "report")
    told = export_study(study, tmp_path / "b.zip", *configs)
    assert any("the study is unfinished: no report yet (done: " in line for line in told)
    assert audit_archive(tmp_path / "b.zip").faults == []


def test_other_packages_are_told(sound_study: Path, configs: tuple[Path, list[Path]], tmp_path: Path) -> None:
    study = copied(sound_study, tmp_path)
    manifest = study / "report/manifest.json"
    content = json.loads(manifest.read_text())
    content["versions"]["numpy"] = "1.0"
    manifest.write_text(json.dumps(content))
    told = export_study(study, tmp_path / "a.zip", *configs)
    assert any("the study ran with numpy 1.0, not" in line for line in told)


def test_a_changed_file(archive: Path, tmp_path: Path) -> None:
    name = f"{RUN}/students/wssis/scores.json"
    changed = _changed(archive, tmp_path / "a.zip", lambda files: files.update({name: files[name] + b" "}))
    faults = _faults(changed)
    assert "changed since the archive was made" in faults[name]
    assert "changed since it was written" in faults[name.removeprefix("study/")]


def test_a_changed_file_with_a_changed_index(archive: Path, tmp_path: Path) -> None:
    """The index was made right; the manifests tell."""
    name = "study/report/scores.csv"

    def change(files: dict[str, bytes]) -> None:
        files[name] = files[name].replace(b",wssis,", b",rough,")
        (tmp_path / "x").write_bytes(files[name])
        index = json.loads(files["archive.json"])
        index["files"][name] = digest_of(tmp_path / "x")
        files["archive.json"] = json.dumps(index).encode()

    assert "changed since it was written" in _faults(_changed(archive, tmp_path / "a.zip", change))["report/scores.csv"]


def _without(files: dict[str, bytes], gone: Callable[[str], bool]) -> None:
    """Leave files out, of the index, too."""
    index = json.loads(files["archive.json"])
    for name in [name for name in files if gone(name)]:
        del files[name]
        index["files"].pop(name, None)
    files["archive.json"] = json.dumps(index).encode()


@pytest.mark.parametrize(
    "name", ["audit.txt", "environment.txt", "config/study.json", "study/report/index.html", f"{RUN}/split.csv"]
)
def test_what_every_archive_has_is_missed_though_the_index_does_not_list_it(
    archive: Path, tmp_path: Path, name: str
) -> None:
    changed = _changed(archive, tmp_path / "a.zip", lambda files: _without(files, lambda one: one == name))
    assert name.removeprefix("study/") in _faults(changed)


def test_an_archive_of_nothing(archive: Path, tmp_path: Path) -> None:
    changed = _changed(archive, tmp_path / "a.zip", lambda files: _without(files, lambda one: one != "archive.json"))
    assert "nothing to verify" in _faults(changed)["study"]


def test_a_configuration_that_was_changed(archive: Path, tmp_path: Path) -> None:
    """The index names no manifest whose settings differ; the configuration in the archive does."""

    def change(files: dict[str, bytes]) -> None:
        index = json.loads(files["archive.json"])
        index["other_settings"] = []
        files["archive.json"] = json.dumps(index).encode()

    (note,) = [one for one in audit_archive(_changed(archive, tmp_path / "a.zip", change)).notes
               if one.file == "config/study.json"]  # fmt: skip
    assert "other settings than the configuration comes to" in note.what


def test_a_configuration_that_this_version_cannot_read_is_told(archive: Path, tmp_path: Path) -> None:
    def change(files: dict[str, bytes]) -> None:
        files["config/study.json"] = b"{}"
        (tmp_path / "x").write_bytes(b"{}")
        index = json.loads(files["archive.json"])
        index["other_settings"], index["files"]["config/study.json"] = [], digest_of(tmp_path / "x")
        files["archive.json"] = json.dumps(index).encode()

    audit = audit_archive(_changed(archive, tmp_path / "a.zip", change))
    (note,) = [one for one in audit.notes if one.file == "config/study.json"]
    assert "cannot be read by this version" in note.what and audit.faults == []


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
def test_a_damaged_zip_is_no_archive(archive: Path, tmp_path: Path, at: float) -> None:
    content = bytearray(archive.read_bytes())
    place = int(len(content) * at)
    content[place : place + 40] = bytes(255 - one for one in content[place : place + 40])
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match="no whole archive of a study"):
        audit_archive(tmp_path / "a.zip")


def test_a_broken_chain_in_an_archive(archive: Path, tmp_path: Path) -> None:
    """A teacher's manifest of another run, whose files nobody has: those who read its outputs tell."""
    name = f"{RUN}/teacher/manifest.json"

    def change(files: dict[str, bytes]) -> None:
        content: dict[str, Any] = json.loads(files[name])
        content["outputs"]["model.safetensors"] = "0" * 64
        files[name] = json.dumps(content).encode()

    faults = _faults(_changed(archive, tmp_path / "a.zip", change))
    assert "broken chain" in faults["shapes/50pct/s0/base/proposals/weak.json.manifest.json"]
    assert "broken chain" in faults["shapes/50pct/s0/base/teacher/evaluate.manifest.json"]


def test_a_missing_and_a_foreign_file(archive: Path, tmp_path: Path) -> None:
    def change(files: dict[str, bytes]) -> None:
        del files["environment.txt"]
        files["note.txt"] = b"trust me"

    faults = _faults(_changed(archive, tmp_path / "a.zip", change))
    assert "it is not in the archive" in faults["environment.txt"] and "does not list it" in faults["note.txt"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip"])
def test_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match="no whole archive of a study"):
        audit_archive(tmp_path / "a.zip")


def test_a_truncated_archive(archive: Path, tmp_path: Path) -> None:
    data = archive.read_bytes()
    (tmp_path / "a.zip").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="no whole archive of a study"):
        audit_archive(tmp_path / "a.zip")


def test_a_zip_without_index(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("x", "y")
    with pytest.raises(InputError, match="no whole archive of a study"):
        audit_archive(tmp_path / "a.zip")


def test_what_is_refused(sound_study: Path, configs: tuple[Path, list[Path]], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.zip"):
        export_study(sound_study, tmp_path / "a.tar", *configs)
    with pytest.raises(InputError, match="no study's folder"):
        export_study(tmp_path, tmp_path / "a.zip", *configs)
    with pytest.raises(InputError, match="the configuration is that of the study default; name its --configfile"):
        export_study(sound_study, tmp_path / "a.zip", configs[0], ())
    study = copied(sound_study, tmp_path)
    (study / "shapes/val.json").write_text("{}")
    with pytest.raises(InputError, match=r"faults, the first: shapes/val\.json: changed since"):
        export_study(study, tmp_path / "a.zip", *configs)
    assert not (tmp_path / "a.zip").exists()


def test_the_commands(
    sound_study: Path, configs: tuple[Path, list[Path]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = str(tmp_path / "mini.zip")
    options = ["--config", str(configs[0]), "--configfile", str(configs[1][0])]
    with pytest.raises(SystemExit) as ended:
        main(["export-study", str(sound_study), target, *options])
    assert ended.value.code == 0 and f"{target}: " in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["audit", target])
    assert ended.value.code == 0 and "study mini" in capsys.readouterr().out
