"""What every command does with paths that cannot be read or written to, and files that say a thing twice."""

from importlib.metadata import version
from pathlib import Path

import pytest

from wssis.cli import main
from wssis.config.files import read_study
from wssis.errors import InputError

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["join", "folder", "folder/file", "--out", "all.json"], "folder: Is a directory"),
        (["plan", "--configfile", "folder"], "folder: Is a directory"),
        (["show", "folder/file/x.json"], "folder/file/x.json"),
        (["budget", "folder/file", "--days", "3"], "folder/file"),
        (["generate", "--out", "folder/file/below"], "folder/file"),
    ],
)
def test_a_path_of_the_wrong_kind_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("{}")
    (tmp_path / "config.yaml").symlink_to(REPOSITORY / "config.yaml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2 and line.startswith("error: ") and told in line
    assert (tmp_path / "folder" / "file").read_text() == "{}"


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("study: a\nrun: {seeds: [s0]}\nrun: {arms: [oracle]}\n", 3, "run"),
        ("study: a\nrun:\n  seeds: [s0]\n  seeds: [s1]\n", 4, "seeds"),
    ],
)
def test_a_key_that_occurs_twice_is_named(tmp_path: Path, text: str, line: int, key: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match=rf"mine\.yaml, line {line}: the key {key} occurs twice"):
        read_study(REPOSITORY / "config.yaml", [tmp_path / "mine.yaml"])


def test_a_merged_key_may_be_replaced(tmp_path: Path) -> None:
    """YAML's own way to share settings: `<<` brings a key, the mapping says it again."""
    text = "study: a\nteacher: {schedule: &long {iterations: 99}}\nstudent: {schedule: {<<: *long, iterations: 88}}\n"
    (tmp_path / "mine.yaml").write_text(text)
    assert read_study(REPOSITORY / "config.yaml", [tmp_path / "mine.yaml"]).student.schedule.iterations == 88


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code in (0, None) and capsys.readouterr().out == f"wssis {version('wssis')}\n"
