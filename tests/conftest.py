"""Where the tests find reference vectors and real data, both optional, and where they write."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from dag_runs import Clone

# One thread per process: several workers side by side would otherwise spend their time waiting for each other.
torch.set_num_threads(1)

SHARED = Path(__file__).resolve().parents[2] / "shared"
# A hundred thousand small files are written and deleted, which takes a disk a third of a run's time.
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 6 << 30  # A whole run writes 9 GB, and has up to 2 GB at a time.


def pytest_configure(config: pytest.Config) -> None:
    """Let `tmp_path` lie in memory where there is enough, and nothing else is asked for; a worker is told its own."""
    asked = config.option.basetemp or "PYTEST_DEBUG_TEMPROOT" in os.environ
    if not asked and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)


def pytest_addoption(parser: pytest.Parser) -> None:
    """What tests/cluster can be told."""
    parser.addoption("--install-slurm", action="store_true", help="install a missing SLURM with apt-get")
    parser.addoption("--smoke-times", type=int, default=1, help="runs of the smoke study on the test cluster")


def _folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs ../shared/{name}, which is not here")
    return folder


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of the reference vectors."""
    return _folder("golden")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data sets."""
    return _folder("data")


@pytest.fixture(scope="session")
def sound_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sound study, which no test changes; see audit_fixtures."""
    from audit_fixtures import build_study

    return build_study(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="session")
def rerun_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same study with other networks: another run at the same relative paths."""
    from audit_fixtures import build_study

    return build_study(tmp_path_factory.mktemp("rerun"), weights=0.75)


@pytest.fixture
def study(sound_study: Path, tmp_path: Path) -> Path:
    """A copy of the sound study, to tamper with."""
    from audit_fixtures import copied

    return copied(sound_study, tmp_path)


@pytest.fixture
def clone(tmp_path: Path) -> "Clone":
    """The fake study of the workflow, not yet run; see dag_runs."""
    from dag_runs import Clone

    return Clone.create(tmp_path / "clone")
