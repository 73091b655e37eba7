"""A study in an empty folder, and what its jobs leave, written by hand."""

import json
import os
import time
from pathlib import Path
from typing import Any

from dag_runs import REPOSITORY

from wssis.config.files import read_study
from wssis.config.jobs import Job, jobs_of
from wssis.config.study import Study

RUN = "results/default/shapes/10pct/s0/base"
STUDENT = f"{RUN}/students/supervised"
LOSSES = {"dice": 0.5, "focal": 0.25}


def crossfit_study(folder: Path) -> Study:
    """The default study, but with pairs by fold teachers, whose configuration lies in an empty folder."""
    config = (REPOSITORY / "config.yaml").read_text()
    assert "pairs: corrupt" in config
    (folder / "config.yaml").write_text(config.replace("pairs: corrupt", "pairs: crossfit"))
    return read_study(folder / "config.yaml")


def job_at(study: Study, manifest: str) -> Job:
    """The job whose manifest will lie there."""
    return next(job for job in jobs_of(study) if job.manifest == manifest)


def finish(study: Study, manifest: str, counts: dict[str, Any], seconds: float, outputs: dict[str, int]) -> None:
    """Leave what a job leaves: outputs of so many bytes and a manifest."""
    job, path = job_at(study, manifest), Path(manifest)
    path.parent.mkdir(parents=True, exist_ok=True)
    for name, size in outputs.items():
        (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / name).write_bytes(b"x" * size)
    read = {one: {"path": f"{Path(one).parent}/read", "sha256": "", "manifest": one} for one in job.before}
    content = {"stage": job.stage, "settings": job.settings(study).model_dump(mode="json"), "counts": counts,
               "duration": seconds, "outputs": dict.fromkeys(outputs, ""), "inputs": read,
               "finished": "2026-11-22T10:00:00+00:00"}  # fmt: skip
    path.write_text(json.dumps(content))


def finish_student(study: Study, manifest: str = f"{STUDENT}/manifest.json", seconds: float = 350.0) -> None:
    """Leave what the training of a student leaves."""
    steps = job_at(study, manifest).settings(study).schedule.iterations
    counts = {"images": 30, "steps": steps, "training_seconds": seconds, "images_per_second": 99.0}
    finish(study, manifest, counts, seconds + 1, {"model.safetensors": 1000})


def train(folder: str, steps: list[int], age: float = 0.0, tail: str = "") -> None:
    """A metrics.jsonl with lines at these steps, half a second per step, written so long ago."""
    path = Path(folder) / "metrics.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"step": step, **LOSSES, "lr": 0.1, "images_per_second": 31.5, "data_wait": 0.0, "memory_mb": 1,
              "gpu_memory_mb": 1, "seconds": step / 2} for step in steps]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)
    os.utime(path, (time.time() - age,) * 2)
