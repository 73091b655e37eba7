"""Clones of the workflow whose teacher is a toy training, to run on a test cluster or beside one."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from dag_runs import STUDY, Clone

from wssis.formats.manifest import digest_of

TOY = Path(__file__).with_name("toy_teacher.py")
TEACHER = Path("results/fake/cars/10pct/s0/base/teacher")
WEIGHTS = ("model.safetensors", "snapshot1.safetensors", "snapshot2.safetensors")
TIMED = ("images_per_second", "data_wait", "memory_mb", "seconds")
ON_CLUSTER = (
    "--profile", "slurm", "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2",
    "--latency-wait", "10",
)  # fmt: skip


def toy_clone(folder: Path) -> Clone:
    """The fake study with a toy teacher, its data prepared and split: only the teacher is left to disturb."""
    clone = Clone.create(folder)
    (folder / "slurm").symlink_to("profiles/slurm")
    clone.edit(
        "bin/python",
        "command, words =",
        f'if sys.argv[3] == "train-teacher":\n'
        f"    os.execv({sys.executable!r}, [{sys.executable!r}, {str(TOY)!r}, '0.1', *sys.argv[3:]])\n"
        "command, words =",
    )
    clone.edit("profiles/slurm/config.yaml", "workers: 6", "workers: 2")
    done = clone.snakemake("--cores", "1", f"{TEACHER.parent}/full.json", "results/fake/cars/images.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    return clone


def set_steps(clone: Clone, steps: int, seconds: str = "0.1") -> None:
    """Make the toy teacher's training so many steps of so many seconds long."""
    clone.edit("bin/python", "'0.1'", repr(seconds))
    clone.study["teacher"] = {
        "network": {"backbone": {"weights": "none", "norm": "batch", "frozen_stages": 0}},  # No file is at hand.
        "schedule": {"iterations": steps, "warmup": 3, "decay": "cosine", "steps": []},
        "optimizer": {"name": "adamw", "lr": 0.05, "batch": 4, "ema": 0.9},
        "snapshots": [steps // 2, steps],
    }


def set_resources(clone: Clone, rule: str, old: str, new: str) -> None:
    """Change one rule's resources where a site would: in the profile."""
    path = clone.folder / "profiles/default/config.yaml"
    text = path.read_text()
    found = re.search(rf"^  {rule}:\s.*?(?=^  \w|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert found is not None and found.group().count(old) == 1, f"{rule}: {old}"
    path.write_text(text.replace(found.group(), found.group().replace(old, new)))


class Run:
    """Snakemake in the background, in a clone; `bin` goes before everything else on PATH."""

    def __init__(self, clone: Clone, *arguments: str, bin: Path | None = None) -> None:
        self.clone = clone
        self._log = clone.folder / f"run{len(list(clone.folder.glob('run*.log')))}.log"
        (clone.folder / STUDY).write_text(json.dumps(clone.study))
        first = [str(clone.folder / "bin"), *([str(bin)] if bin is not None else []), str(Path(sys.executable).parent)]
        environment = os.environ | {
            "PATH": os.pathsep.join([*first, os.environ["PATH"]]),
            "PYTHONPATH": str(clone.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", STUDY]
        with self._log.open("w") as stream:
            self.process = subprocess.Popen(
                command, cwd=clone.folder, env=environment, stdout=stream, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL to it and everything it started on this machine."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def output(self) -> str:
        """What it printed so far."""
        return self._log.read_text()

    def finish(self, seconds: float = 400) -> str:
        """Wait for a good end; what it printed."""
        status = self.process.wait(seconds)
        assert status == 0, self.output[-6000:]
        return self.output


def teacher_steps(clone: Clone) -> int:
    """The last step that the toy teacher reported; 0 before its first."""
    path = clone.folder / TEACHER / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.is_file() else []
    return json.loads(lines[-1])["step"] if lines else 0


def artifacts(clone: Clone) -> dict[str, Any]:
    """What a disturbed run must agree on with an undisturbed one: weights by digest, losses by value."""
    folder = clone.folder / TEACHER
    found: dict[str, Any] = {name: digest_of(folder / name) for name in WEIGHTS}
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    found["metrics"] = [{key: value for key, value in line.items() if key not in TIMED} for line in lines]
    return found


def resumed_from(clone: Clone) -> int:
    """The step that the teacher's last job went on from."""
    return json.loads((clone.folder / TEACHER / "manifest.json").read_text())["counts"]["resumed_from_step"]
