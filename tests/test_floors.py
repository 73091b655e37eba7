"""Imports go down the floors only; what builds the DAG imports no torch."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "wssis"
FLOORS = {
    "config": 0, "arms": 0, "provenance": 0, "errors": 0, "process_pool": 0,
    "formats": 1,
    "models": 2, "geometry": 2,
    "engine": 3,
    "stages": 4, "report_page": 4, "overview": 4, "audit": 4, "convert": 4, "predicting": 4, "checking": 4,
    "annotate": 4,
    "commands": 5, "cli": 6, "__main__": 7,
}  # fmt: skip
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


def _imported(path: Path) -> Iterator[str]:
    """Dotted names of this package that a module imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "wssis")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            if (node.module or "").split(".")[0] == "wssis":
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _part(dotted: str) -> str:
    return dotted.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_down(path: Path) -> None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    here = FLOORS[parts[0]]
    for name in _imported(path):
        assert FLOORS[_part(name)] <= here, f"{path.name} imports {name}"
        if parts[0] == "stages":
            assert _part(name) != "stages", f"{path.name} imports another stage: {name}"
        if parts[0] in ("models", "geometry"):
            assert _part(name) != "formats", f"{path.name} imports {name}: networks and geometry do no I/O"


def test_packages_are_empty() -> None:
    assert [path for path in PACKAGE.rglob("__init__.py") if path.read_text()] == []


@pytest.mark.parametrize(
    "modules",
    [
        "wssis.cli",
        "wssis.overview.bill, wssis.overview.progress",
        "wssis.config.plan, wssis.config.locations, wssis.provenance",
    ],
)
def test_no_torch(modules: str) -> None:
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, check=False).returncode == 0
