"""What the documents name is there."""

import re

import pytest
from dag_runs import REPOSITORY

DOCS = sorted((REPOSITORY / "docs").glob("*.md"))


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_named_files_exist(path) -> None:
    named = re.findall(r"`((?:profiles|envs|rules|docs|tests|benchmarks)/[\w./-]+)`", path.read_text())
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_named_commands_exist(path) -> None:
    commands = set(re.findall(r"def (\w+)\(", (REPOSITORY / "wssis/cli.py").read_text()))
    named = re.findall(r"\bwssis ((?!status --|plan --)[a-z-]+)\b(?= --)", path.read_text())
    assert {name.replace("-", "_") for name in named} <= commands
