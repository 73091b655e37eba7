"""What SLURM is asked for, rule by rule, in its own words: partition, GPUs, cores, memory, time."""

import os
from pathlib import Path

import pytest
from dag_runs import Clone
from one_machine import Cluster, mebibytes
from toy_study import ON_CLUSTER, TEACHER, Run, set_resources

# Rule or group: partition, GPUs, cores, MiB, time limit. A group's memory is its hungriest job's, its time their sum.
GPU = {
    "train_teacher": (1, 8, 32000, "2-00:00:00"),
    "train_fold": (1, 8, 32000, "2-00:00:00"),
    "train_refiner": (1, 8, 32000, "2-00:00:00"),
    "train_student": (1, 8, 32000, "2-00:00:00"),
    "propose_full": (1, 8, 32000, "12:00:00"),
    "propose_weak": (1, 8, 32000, "12:00:00"),
    "pseudo": (1, 8, 32000, "12:00:00"),
    "evaluate": (1, 8, 32000, "04:00:00"),
}
CPU = {
    "data(?!_warnings)": (0, 2, 16000, "05:00:00"),  # The group, not the rule whose name begins alike.
    "labels": (0, 1, 16000, "03:00:00"),
    "crops_full": (0, 1, 32000, "12:00:00"),
    "crops_weak": (0, 1, 32000, "12:00:00"),
    "data_warnings": (0, 1, 4000, "01:00:00"),
    "pictures": (0, 1, 16000, "05:00:00"),
    "report": (0, 4, 16000, "12:00:00"),
}
OTHERS = {
    "labels": {("cpu", 0, 1, 16000, "01:00:00")},  # 100pct draws no points.
    "pseudo": {("cpu", 0, 1, 32000, "12:00:00")},  # Rough masks are taken as they are.
}
JOBS = 26
"""One per rule and coordinates, groups counted once; the split of 100pct is a group of its own."""


def _hollow(clone: Clone, cluster: Cluster, results: Path) -> None:
    """An sbatch in the clone whose jobs do nothing but copy finished results: what is asked for is what matters."""
    script = clone.folder / "bin" / "sbatch"
    script.write_text(
        "#!/bin/bash\nwords=()\n"
        f'for word in "$@"; do case "$word" in --wrap=*) word="--wrap=cp -a {results}/. results/";; esac\n'
        f'words+=("$word"); done\nexec {cluster.bin}/sbatch "${{words[@]}}"\n'
    )
    script.chmod(0o755)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished results of the fake study."""
    clone = Clone.create(tmp_path_factory.mktemp("built") / "clone")
    clone.build()
    return clone.folder / "results"


@pytest.fixture
def clone(tmp_path: Path, cluster: Cluster, results: Path) -> Clone:
    """The fake study, not yet run, with jobs that only copy its results."""
    made = Clone.create(tmp_path / "clone")
    (made.folder / "slurm").symlink_to("profiles/slurm")
    (made.folder / "results").mkdir()
    _hollow(made, cluster, results)
    return made


def _asked(job: dict[str, str]) -> tuple[int, int, int, str]:
    """GPUs, cores, MiB and time limit of a job."""
    gpus = int(job.get("TresPerJob", "gpu:0").rpartition(":")[2])
    return gpus, int(job["NumCPUs"]), mebibytes(job), job["TimeLimit"]


def _jobs(cluster: Cluster, rule: str, folder: Path) -> list[dict[str, str]]:
    return [job for job in cluster.jobs_of(rule) if job["WorkDir"] == str(folder)]


def _submit(cluster: Cluster, clone: Clone, *targets: str, seconds: float = 400) -> None:
    """Run the study, or some files of it, to its end on the cluster."""
    run = Run(clone, *ON_CLUSTER, *targets, bin=cluster.bin)
    try:
        run.finish(seconds)
    finally:
        run.kill()


def test_every_rule(cluster: Cluster, clone: Clone) -> None:
    _submit(cluster, clone, "--cores", "64", seconds=590)  # Threads are cut down to these, also of jobs on the cluster.
    found = 0
    for partition, rules in (("gpu", GPU), ("cpu", CPU)):
        for rule, expected in rules.items():
            jobs = _jobs(cluster, rule, clone.folder)
            asked = {(job["Partition"], *_asked(job)) for job in jobs}
            assert asked - OTHERS.get(rule, set()) == {(partition, *expected)}, rule
            found += len(jobs)
    assert found == JOBS
    assert clone.planned() == {} == clone.planned("--profile", "slurm")


@pytest.mark.slow
def test_a_site_changes_its_files(cluster: Cluster, clone: Clone) -> None:
    set_resources(clone, "train_teacher", "gpu: 1", "gpu: 2, gpu_model: a100")
    set_resources(clone, "train_teacher", "2880", "1440")
    clone.edit("profiles/slurm/config.yaml", "  # constraint: \"'a100&nvme'\"", "  constraint: \"'a100'\"")
    clone.edit("profiles/slurm/config.yaml", "  # qos: \"'normal'\"", "  slurm_partition: \"'gpu'\"")
    _submit(cluster, clone, f"{TEACHER}/manifest.json")
    (teacher,) = _jobs(cluster, "train_teacher", clone.folder)
    assert teacher["TresPerJob"] == "gres:gpu:a100:2" and teacher["NumCPUs"] == "16"
    assert (teacher["Features"], teacher["TimeLimit"]) == ("a100", "1-00:00:00")
    (labels,) = _jobs(cluster, "labels", clone.folder)
    assert (labels["Partition"], labels.get("TresPerJob"), labels["Features"]) == ("gpu", None, "a100")


@pytest.mark.slow
def test_corrupted_pairs_ask_for_no_gpu(cluster: Cluster, clone: Clone) -> None:
    clone.study["refiner"] = {"pairs": "corrupt"}
    _submit(cluster, clone, f"{TEACHER.parent}/proposals/full.json")
    (job,) = _jobs(cluster, "propose_full", clone.folder)
    assert (job["Partition"], *_asked(job)) == ("cpu", 0, 1, 32000, "12:00:00")


@pytest.mark.slow
def test_as_many_processes_as_gpus(cluster: Cluster, clone: Clone) -> None:
    for rule, count in (("train_teacher", 2), ("train_student", 8)):
        set_resources(clone, rule, "gpu: 1", f"gpu: {count}")
    printed = clone.snakemake("-n", "-p", "--profile", "slurm").stdout
    assert "torchrun --standalone --nproc-per-node 2 -m wssis train-teacher" in printed
    assert "torchrun --standalone --nproc-per-node 8 -m wssis train-student" in printed
    assert "python -m wssis train-refiner" in printed and "--workers 6" in printed


@pytest.mark.slow
def test_message_of_a_failed_job(cluster: Cluster, clone: Clone) -> None:
    (clone.folder / "bin" / "sbatch").write_text(
        (clone.folder / "bin" / "sbatch").read_text().replace("cp -a", "echo data are upside down >&2; exit 3; cp -a")
    )
    clone.edit("profiles/slurm/config.yaml", "retries: 5", "retries: 0")
    run = Run(clone, *ON_CLUSTER, "results/fake/cars/images.csv", bin=cluster.bin)
    try:
        assert run.process.wait(300) != 0
    finally:
        run.kill()
    (log,) = (clone.folder / "logs/slurm").rglob("*.log")
    after = run.output.split(f"Logfile {log}:")
    assert len(after) > 1 and "data are upside down" in after[1], "the last lines and the path of the log"
    assert os.path.basename(log) == f"{_jobs(cluster, 'data', clone.folder)[0]['JobId']}.log"
