"""Studies that are run for real in a copy of the workflow, and what their runs hold."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dag_runs import REPOSITORY, STUDY, copy_workflow

from wssis.config.files import read_study
from wssis.config.jobs import jobs_of
from wssis.formats.manifest import read_manifest
from wssis.overview.finished import finished_jobs


def smoke_study(name: str, data: Path) -> dict[str, Any]:
    """The content of studies/{name}.yaml, with the data sets in `data`."""
    text = (REPOSITORY / "studies" / f"{name}.yaml").read_text()
    return yaml.safe_load(text.replace("../shared/data", str(data)))


def clone_for(study: dict[str, Any], folder: Path) -> Path:
    """A new folder with a copy of the workflow and the study."""
    copy_workflow(folder)
    (folder / STUDY).write_text(yaml.safe_dump(study))
    return folder


def snakemake(folder: Path, *arguments: str) -> str:
    """Run the study in `folder`, a copy of the workflow; what it printed."""
    environment = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(folder),
    }
    command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", STUDY]
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def all_finished(folder: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether every job of the study in `folder` counts as finished."""
    monkeypatch.chdir(folder)
    study = read_study(Path("config.yaml"), [Path(STUDY)])
    jobs = jobs_of(study)
    return finished_jobs(study, jobs) == {job.manifest for job in jobs}


def outputs_of(run: Path) -> dict[str, str]:
    """Digest of everything that the manifests of a run list, by its path in the folder of the run."""
    found = {}
    for path in sorted(run.rglob("*manifest.json")):
        for name, digest in read_manifest(path)["outputs"].items():
            found[(path.parent / name).relative_to(run).as_posix()] = digest
    return found


def without_time(outputs: dict[str, str]) -> dict[str, str]:
    """Without the digests of metrics.jsonl, which has durations and throughput beside the losses."""
    return {name: digest for name, digest in outputs.items() if not name.endswith("metrics.jsonl")}


def blank_masks(coco: dict[str, Any], images: set[int]) -> None:
    """Replace every mask, box and area of some images by nonsense that is still COCO."""
    for annotation in coco["annotations"]:
        if annotation["image_id"] in images:
            annotation |= {"segmentation": [[0, 0, 1, 0, 1, 1]], "bbox": [0, 0, 1, 1], "area": 0.5}
