"""The smoke study for real, through the profile: unattended, and by digest what one machine makes of it alone."""

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


def test_smoke_study(cluster: Cluster, shared_data: Path, tmp_path: Path) -> None:
    on_cluster, alone = (_clone(tmp_path / name, shared_data) for name in ("cluster", "alone"))
    _run(on_cluster, *ON_CLUSTER, bin=cluster.bin)
    assert (on_cluster.folder / "results/smoke/report/index.html").is_file()
    assert len((on_cluster.folder / "results/smoke/report/scores.csv").read_text().splitlines()) == 1 + 5
    assert not any((on_cluster.folder / "results/.state").rglob("*.*")), "resume states are removed on success"
    found = _digests(on_cluster.folder)
    assert all(digest_of(on_cluster.folder / RUN / name) == digest for name, digest in found.items())
    _run(alone, "--cores", "2")
    assert found == _digests(alone.folder)
