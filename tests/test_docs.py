"""What the documents name is there."""

import re

import pytest
from dag_runs import REPOSITORY

from wssis.cli import app

DOCS = sorted((REPOSITORY / "docs").glob("*.md"))


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_named_files_exist(path) -> None:
    named = re.findall(r"`((?:profiles|envs|rules|docs|tests|benchmarks)/[\w./-]+)`", path.read_text())
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


@pytest.mark.parametrize("path", [*DOCS, REPOSITORY / "README.md"], ids=lambda path: path.name)
def test_named_commands_exist(path) -> None:
    commands = {one.name or one.callback.__name__.replace("_", "-") for one in app.registered_commands}
    named = set(re.findall(r"(?:`|^[ $]*|: )wssis ([a-z][a-z-]*)", path.read_text(), flags=re.MULTILINE))
    assert named <= commands
    without = ("ablations", "arms", "coco-scale", "performance", "training")
    assert named or path.stem in without, "the pattern finds nothing"
