"""A running test cluster; all that needs one is skipped with the reason where there can be none."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dag_runs import Clone
from one_machine import Cluster, missing
from toy_study import TEACHER, Run, artifacts, set_steps, toy_clone


@pytest.fixture(scope="session")
def slurm(request: pytest.FixtureRequest) -> None:
    """SLURM's programs, installed if that is asked for."""
    reason = missing(request.config.getoption("--install-slurm"))
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def cluster(slurm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for all tests that leave it as it is."""
    running = Cluster(tmp_path_factory.mktemp("slurm") / "cluster")
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def own_cluster(slurm: None, tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Makes a cluster for one test, with other limits."""
    made: list[Cluster] = []

    def make(**limits: int) -> Cluster:
        made.append(Cluster(tmp_path / f"cluster{len(made)}", **limits))
        made[-1].start()
        return made[-1]

    yield make
    for running in made:
        running.stop()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The toy study, ready for its teacher."""
    return toy_clone(tmp_path_factory.mktemp("template") / "clone")


@pytest.fixture
def make_clone(template: Clone, tmp_path: Path) -> Callable[..., Clone]:
    """Makes the test's clone of the toy study, with a teacher of so many steps."""

    def make(steps: int, seconds: str = "0.1") -> Clone:
        clone = template.copy(tmp_path / "clone")
        set_steps(clone, steps, seconds)
        return clone

    return make


@pytest.fixture
def start() -> Iterator[Callable[..., Run]]:
    """Starts Snakemake in the background; what is left of it at the end of the test is killed."""
    runs: list[Run] = []

    def begin(*arguments: Any, **options: Any) -> Run:
        runs.append(Run(*arguments, **options))
        return runs[-1]

    yield begin
    for run in runs:
        run.kill()


@pytest.fixture(scope="session")
def undisturbed(template: Clone, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], dict[str, Any]]:
    """The toy teacher's artifacts after so many steps that nothing disturbed, each length trained once."""
    known: dict[int, dict[str, Any]] = {}

    def train(steps: int) -> dict[str, Any]:
        if steps not in known:
            clone = template.copy(tmp_path_factory.mktemp("undisturbed") / "clone")
            set_steps(clone, steps, "0.01")
            Run(clone, "--cores", "1", f"{TEACHER}/manifest.json").finish()
            known[steps] = artifacts(clone)
        return known[steps]

    return train
