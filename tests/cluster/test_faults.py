"""What happens on a cluster, done to it on purpose: the artifacts are those of an undisturbed run, nothing is lost."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dag_runs import Clone
from one_machine import Cluster, mebibytes
from toy_study import ON_CLUSTER, TEACHER, Run, artifacts, resumed_from, set_resources, teacher_steps

pytestmark = pytest.mark.slow
Undisturbed = Callable[[int], dict[str, Any]]
Clones = Callable[..., Clone]
Starts = Callable[..., Run]
MANIFEST = f"{TEACHER}/manifest.json"
SAVED_EVERY = 15
"""Steps between two saves of the toy (1 s), and some for the machine's other business."""


def _started(start: Starts, clone: Clone, cluster: Cluster) -> Run:
    """A run on the cluster whose teacher has come to step 40."""
    run = start(clone, *ON_CLUSTER, MANIFEST, bin=cluster.bin)
    cluster.wait_for(lambda: _alive(run) and teacher_steps(clone) >= 40, 300, "step 40 of the teacher")
    return run


def _alive(run: Run) -> bool:
    assert run.process.poll() is None, run.output[-6000:]
    return True


def test_cancelled_job(cluster: Cluster, undisturbed: Undisturbed, make_clone: Clones, start: Starts) -> None:
    clone = make_clone(100)
    run = _started(start, clone, cluster)
    reached = teacher_steps(clone)
    cluster.ask("scancel", cluster.jobs_of("train_teacher")[-1]["JobId"])
    assert "train_teacher" in run.finish()
    assert resumed_from(clone) >= reached - SAVED_EVERY
    assert [job["JobState"] for job in cluster.jobs_of("train_teacher")[-2:]] == ["CANCELLED", "COMPLETED"]
    assert artifacts(clone) == undisturbed(100)


def test_told_to_save_before_the_time_is_over(
    cluster: Cluster, undisturbed: Undisturbed, make_clone: Clones, start: Starts
) -> None:
    clone = make_clone(160, "1.0")
    set_resources(clone, "train_teacher", "runtime: 2880", "runtime: 3")
    set_resources(clone, "train_teacher", "TERM@120", "TERM@30")
    start(clone, *ON_CLUSTER, MANIFEST, bin=cluster.bin).finish(900)
    first, second = cluster.jobs_of("train_teacher")[-2:]
    assert (first["JobState"], second["JobState"]) == ("FAILED", "COMPLETED"), "stopped by itself, not by SLURM"
    assert first["TimeLimit"] == second["TimeLimit"] == "00:03:00", "the time does not grow"
    assert resumed_from(clone) > 10
    assert artifacts(clone) == undisturbed(160)


def test_time_limit_with_two_seconds_to_save(
    own_cluster: Callable[..., Cluster], undisturbed: Undisturbed, make_clone: Clones, start: Starts
) -> None:
    cluster = own_cluster(kill_wait=2)
    clone = make_clone(160, "1.0")
    set_resources(clone, "train_teacher", "runtime: 2880, slurm_extra: \"'--signal=TERM@120'\"", "runtime: 2")
    start(clone, *ON_CLUSTER, MANIFEST, bin=cluster.bin).finish(900)
    first, second = cluster.jobs_of("train_teacher")[:2]
    assert first["JobState"] in ("TIMEOUT", "FAILED") and first["TimeLimit"] == "00:02:00"
    assert mebibytes(second) == 2 * mebibytes(first), "memory grows"
    assert resumed_from(clone) > 10
    assert artifacts(clone) == undisturbed(160)


def test_killed_training(cluster: Cluster, undisturbed: Undisturbed, make_clone: Clones, start: Starts) -> None:
    clone = make_clone(100)
    run = _started(start, clone, cluster)
    reached = teacher_steps(clone)
    os.kill(_training(clone), signal.SIGKILL)
    output = run.finish()
    log = Path(next(line.split("(log: ")[1].split(")")[0] for line in output.splitlines() if "(log: " in line))
    assert log.is_relative_to(clone.folder / "logs/slurm")
    assert resumed_from(clone) >= reached - SAVED_EVERY
    assert artifacts(clone) == undisturbed(100)


def _training(clone: Clone) -> int:
    """Process id of the clone's toy training."""
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                words = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")
                here = (path / "cwd").resolve() == clone.folder.resolve()
            except OSError:
                continue
            if here and len(words) > 1 and words[1].endswith("toy_teacher.py"):
                return int(path.name)
    raise AssertionError("no training runs")


def test_killed_snakemake(cluster: Cluster, undisturbed: Undisturbed, make_clone: Clones, start: Starts) -> None:
    clone = make_clone(100)
    run = _started(start, clone, cluster)
    reached = teacher_steps(clone)
    run.kill()
    cluster.ask("scancel", cluster.jobs_of("train_teacher")[-1]["JobId"])
    _wait_for_the_queue(cluster)
    refused = start(clone, *ON_CLUSTER, MANIFEST, bin=cluster.bin)
    assert refused.process.wait(120) != 0
    assert "LockException" in refused.output and "--unlock" in refused.output
    start(clone, "--unlock").finish(120)
    start(clone, *ON_CLUSTER, MANIFEST, bin=cluster.bin).finish()
    assert resumed_from(clone) >= reached - SAVED_EVERY
    assert artifacts(clone) == undisturbed(100)


def test_job_that_finishes_after_snakemake_was_killed(
    cluster: Cluster, undisturbed: Undisturbed, make_clone: Clones, start: Starts
) -> None:
    clone = make_clone(100)
    _started(start, clone, cluster).kill()
    _wait_for_the_queue(cluster)
    left = (clone.folder / MANIFEST).read_bytes()
    start(clone, "--unlock").finish(120)
    start(clone, *ON_CLUSTER, MANIFEST, bin=cluster.bin).finish()
    assert (clone.folder / MANIFEST).read_bytes() == left, "what is done is not done again"
    assert artifacts(clone) == undisturbed(100)


def _wait_for_the_queue(cluster: Cluster) -> None:
    cluster.wait_for(lambda: not cluster.ask("squeue", "-h", "-o", "%T").strip(), 300, "an empty queue")


def test_vanished_node(
    own_cluster: Callable[..., Cluster], undisturbed: Undisturbed, make_clone: Clones, start: Starts
) -> None:
    cluster = own_cluster(slurmd_timeout=6)
    clone = make_clone(100)
    run = _started(start, clone, cluster)
    reached = teacher_steps(clone)
    cluster.vanish()
    cluster.wait_for(lambda: "down" in cluster.ask("sinfo", "-h", "-o", "%T"), 120, "the node to be missed")
    cluster.start_node()
    run.finish(900)  # SLURM itself queues the job again, two minutes later
    assert resumed_from(clone) >= reached - SAVED_EVERY
    assert artifacts(clone) == undisturbed(100)


def test_same_study_twice_at_once(undisturbed: Undisturbed, make_clone: Clones, start: Starts) -> None:
    clone = make_clone(100)
    run = start(clone, "--cores", "1", MANIFEST)
    Cluster.wait_for(lambda: _alive(run) and teacher_steps(clone) >= 5, 120, "the teacher")
    second = start(clone, "--cores", "1", MANIFEST)
    assert second.process.wait(120) != 0
    assert "LockException" in second.output and "Directory cannot be locked" in second.output
    run.finish()
    assert resumed_from(clone) == 0
    assert artifacts(clone) == undisturbed(100)


def test_two_studies_side_by_side(undisturbed: Undisturbed, make_clone: Clones, start: Starts) -> None:
    clone = make_clone(100)
    first = start(clone, "--cores", "1", MANIFEST)
    Cluster.wait_for(lambda: _alive(first) and teacher_steps(clone) >= 5, 120, "the teacher")
    start(clone, MANIFEST.replace("/fake/", "/other/"), "--cores", "1", "--config", "study=other").finish()
    first.finish()
    assert artifacts(clone) == undisturbed(100)
    for name in ("model.safetensors", "snapshot1.safetensors"):
        other = clone.folder / str(TEACHER).replace("/fake/", "/other/") / name
        assert other.read_bytes() == (clone.folder / TEACHER / name).read_bytes()
