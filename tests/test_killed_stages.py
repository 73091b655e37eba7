"""A training stage that is killed between its last step and its manifest does not train again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from segmentor_fixtures import COMMON, write_study

from wssis.config.segmentor_stages import TeacherSettings
from wssis.engine.segmentor_task import SegmentorTask
from wssis.formats.manifest import read_manifest
from wssis.stages import teacher

SETTINGS = TeacherSettings(**COMMON, snapshots=(2, 4))
FILES = ("model.safetensors", "snapshot1.safetensors", "snapshot2.safetensors")
HERE = Path(__file__).resolve().parent

# The process ends where the manifest would be written, all outputs being in place.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from test_killed_stages import run
from wssis.formats import manifest
manifest.write_text = lambda path, text: os.kill(os.getpid(), signal.SIGKILL)
run(Path(sys.argv[1]), "killed")
"""


def run(folder: Path, name: str) -> None:
    """train-teacher on four small images, with the resume state in `folder`/.state/`name`."""
    arguments = {"images_table": folder / "images.csv", "image_dir": folder / "images"}
    teacher.run(SETTINGS, folder / "full.json", state_root=folder / ".state" / name, out=folder / name, **arguments)


def test_killed_before_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)
    killed = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (tmp_path / "killed" / "model.safetensors").exists()
    assert not (tmp_path / "killed" / "manifest.json").exists()
    for output in (tmp_path / "killed").iterdir():
        output.unlink()  # as Snakemake does before a retry
    run(tmp_path, "undisturbed")
    passes = []
    losses = SegmentorTask.losses
    monkeypatch.setattr(SegmentorTask, "losses", lambda *args: passes.append(None) or losses(*args))
    run(tmp_path, "killed")
    # Only the batch-norm statistics of the final weights are measured and tried again, four passes each.
    assert len(passes) == 8
    assert read_manifest(tmp_path / "killed" / "manifest.json")["counts"]["resumed_from_step"] == 4
    for name in FILES:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()
    assert not any((tmp_path / ".state").rglob("state.pt"))
