"""The smoke study for real, through the profile: unattended, and by digest what one machine makes of it alone.

Ten times: pytest -m slow tests/cluster/test_smoke_on_cluster.py --smoke-times 10
"""

from pathlib import Path

import pytest
import yaml
from dag_runs import Clone, copy_workflow
from one_machine import Cluster
from toy_study import ON_CLUSTER, Run

from wssis.formats.manifest import digest_of, read_manifest

pytestmark = pytest.mark.slow
RUN = Path("results/smoke/smoke-carparts/25pct/s0/base")
MINUTES = 60


def _clone(folder: Path, data: Path) -> Clone:
    """A clone with the smoke study, as a user has it, but for where the data are."""
    copy_workflow(folder)
    (folder / "slurm").symlink_to("profiles/slurm")
    clone = Clone(folder)
    text = (folder / "studies" / "smoke.yaml").read_text()
    clone.study = yaml.safe_load(text.replace("../shared/data", str(data)))
    clone.edit("profiles/slurm/config.yaml", "workers: 6", "workers: 0")  # 24 images need no help
    return clone


def _run(clone: Clone, *arguments: str, bin: Path | None = None) -> None:
    run = Run(clone, *arguments, bin=bin)
    try:
        run.finish(60 * MINUTES)
    finally:
        run.kill()


def _digests(folder: Path) -> dict[str, str]:
    """Digest of everything the run's manifests list, but for metrics, which have times in them."""
    found = {}
    for path in (folder / RUN).rglob("*manifest.json"):
        for name, digest in read_manifest(path)["outputs"].items():
            if name != "metrics.jsonl":
                found[(path.parent / name).relative_to(folder / RUN).as_posix()] = digest
    return found


@pytest.fixture(scope="module")
def alone(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of the smoke study as one machine makes it."""
    clone = _clone(tmp_path_factory.mktemp("alone") / "clone", shared_data)
    _run(clone, "--cores", "2")
    return _digests(clone.folder)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """As many runs as the command line asks for."""
    if "time" in metafunc.fixturenames:
        metafunc.parametrize("time", range(metafunc.config.getoption("--smoke-times")))


def test_smoke_study(time: int, cluster: Cluster, alone: dict[str, str], shared_data: Path, tmp_path: Path) -> None:
    clone = _clone(tmp_path / "clone", shared_data)
    _run(clone, *ON_CLUSTER, bin=cluster.bin)
    assert (clone.folder / "results/smoke/report/index.html").is_file()
    assert len((clone.folder / "results/smoke/report/scores.csv").read_text().splitlines()) == 1 + 5
    assert not any((clone.folder / "results/.state").rglob("*.*")), "resume states are removed on success"
    found = _digests(clone.folder)
    assert all(digest_of(clone.folder / RUN / name) == digest for name, digest in found.items())
    assert found == alone
