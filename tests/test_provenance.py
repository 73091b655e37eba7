"""The code digest of a stage: what changes it, and what does not. On a made-up package of a few lines."""

import ast
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wssis import provenance

STAGES = (
    "prepare", "generate", "check_images", "data_warnings", "split", "points", "teacher", "fold", "proposals", "crops",
    "refiner", "pseudo", "student", "evaluate", "quality", "predict_shown", "report", "import_weights",
)  # fmt: skip
FILES = {
    "__init__.py": "",
    "cli.py": "from wssis.stages import student, teacher\n",
    "config/__init__.py": "",
    "config/study.py": "KEY = 1\n",
    "arms/__init__.py": "",
    "arms/registry.py": "ARMS = 1\n",
    "stages/__init__.py": "",
    "stages/teacher.py": '"""Teacher."""\nfrom wssis.config.study import KEY\nfrom wssis.engine import loop\n',
    "stages/student.py": (
        '"""Student."""\n'
        "from typing import TYPE_CHECKING\n"
        "import wssis.engine.loop as loop\n"
        "if TYPE_CHECKING:\n    from wssis.engine.typed import T\n"
        "def run():\n    from wssis.engine.late import f\n    return f(1)\n"
    ),
    "stages/report.py": 'from jinja2 import PackageLoader\nPAGE = "page.html.j2"\nSTYLE = "look/style.css"\n',
    "engine/__init__.py": "",
    "engine/loop.py": "from . import steps\nfrom ..errors import E\n\ndef loop():\n    return steps.N\n",
    "engine/steps.py": "N = 3\n",
    "engine/late.py": 'LAZY = "wssis.engine.named"\n\ndef f(x):\n    return x\n',
    "engine/typed.py": "T = int\n",
    "engine/named.py": "A = 1\n",
    "engine/unused.py": "B = 1\n",
    "errors.py": "E = ValueError\n",
    "report_page/page.html.j2": "<p>{% include 'part.html.j2' %}</p>",
    "report_page/part.html.j2": "<b></b>",
    "report_page/other.html.j2": "<i></i>",
    "report_page/look/style.css": "p {}",
}


def _forget() -> None:
    for value in vars(provenance).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The made-up package; provenance looks at it instead of the real one."""
    root = tmp_path / "wssis"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(provenance, "ROOT", root)
    _forget()
    yield root
    _forget()


def changed(root: Path, name: str, text: str) -> set[str]:
    """The stages whose digest changes when a file gets this text (it is put back afterwards)."""
    stages = ("teacher", "student", "report")
    _forget()
    before = {stage: provenance.code_digest(stage) for stage in stages}
    path = root / name
    old = path.read_text() if path.exists() else None
    path.write_text(text)
    _forget()
    after = {stage: provenance.code_digest(stage) for stage in stages}
    path.unlink() if old is None else path.write_text(old)
    return {stage for stage in stages if before[stage] != after[stage]}


def test_modules_of_a_stage(package: Path) -> None:
    engine = ["late", "loop", "named", "steps", "typed"]
    assert [name for name in provenance.stage_modules("student") if name.startswith("wssis.engine.")] == [
        f"wssis.engine.{name}" for name in engine
    ]
    assert "wssis.engine.late" not in provenance.stage_modules("teacher")


@pytest.mark.parametrize(
    ("name", "text", "stages"),
    [
        ("engine/steps.py", "N = 4\n", {"teacher", "student"}),
        ("engine/late.py", "def f(x):\n    return x + 1\n", {"student"}),
        ("engine/typed.py", "T = float\n", {"student"}),
        ("engine/named.py", "A = 2\n", {"student"}),
        ("engine/unused.py", "B = 2\n", set()),
        ("stages/teacher.py", "X = 1\n", {"teacher"}),
        ("config/study.py", "KEY = 2\n", set()),
        ("arms/registry.py", "ARMS = 2\n", set()),
        ("arms/new.py", "ARM = 3\n", set()),
        ("errors.py", "E = KeyError\n", set()),
        ("cli.py", "import sys\n", set()),
        ("report_page/page.html.j2", "<div></div>", {"report"}),
        ("report_page/part.html.j2", "<div></div>", {"report"}),
        ("report_page/look/style.css", "p { }", {"report"}),
        ("report_page/other.html.j2", "<div></div>", set()),
    ],
)
def test_a_change_reaches_the_stages_that_import_it(package: Path, name: str, text: str, stages: set[str]) -> None:
    assert changed(package, name, text) == stages


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\nN = 3\n",
        '"""A docstring."""\n\n\nN = 3\n',
        'N = 3\n"""What N is."""\n',
        "N = (\n    3\n)\n",
        "N = 0x3\n",
    ],
)
def test_comments_docstrings_and_layout_do_not_count(package: Path, text: str) -> None:
    assert changed(package, "engine/steps.py", text) == set()


@pytest.mark.parametrize("text", ["N = 3.0\n", "M = 3\n", 'N = "3"\n', "N = 3\nN = 3\n", "N: int = 3\n", "N = -3\n"])
def test_other_trees_count(package: Path, text: str) -> None:
    assert changed(package, "engine/steps.py", text) == {"teacher", "student"}


def test_text_tells_trees_apart() -> None:
    """As finely as `ast.dump` does."""
    sources = [
        "f(a, b)",
        "f(a)(b)",
        "f((a, b))",
        "f(*a, b)",
        "[a, b]",
        "a < b",
        "a if b else c",
        "lambda a: b",
        "'a'",
        "b'a'",
    ]
    texts = set()
    for source in sources:
        parts: list[str] = []
        provenance._walk(ast.parse(source), [], parts)
        texts.add("".join(parts))
    assert len(texts) == len({ast.dump(ast.parse(source)) for source in sources}) == len(sources)


def test_a_copied_package_has_the_same_digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the place nor the time of a file counts."""
    shutil.copytree(provenance.ROOT, tmp_path / "wssis")
    before = provenance.code_digest("prepare")
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "wssis")
    _forget()
    assert provenance.code_digest("prepare") == before
    monkeypatch.undo()
    _forget()


def test_unknown_stage() -> None:
    with pytest.raises(ValueError, match="there is no stage 'teachers'"):
        provenance.code_digest("teachers")


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_digest_that_counts_no_floor_0(stage: str) -> None:
    assert len(provenance.code_digest(stage)) == 64
    modules = provenance.stage_modules(stage)
    assert f"wssis.stages.{stage}" in modules
    assert not [name for name in modules if name.startswith(("wssis.config", "wssis.arms", "wssis.cli"))]
    assert [name for name in modules if name.startswith("wssis.stages.")] == [f"wssis.stages.{stage}"]


def test_all_digests_together_are_quick() -> None:
    _forget()
    start = time.process_time()
    for stage in STAGES:
        provenance.code_digest(stage)
    assert time.process_time() - start < 3  # .6 s on a free core; a busy one takes twice that


def test_versions_are_read_without_importing() -> None:
    versions = provenance.package_versions()
    assert {"python", "torch", "numpy", "zarr"} <= set(versions)
