"""Two processes learn what one learns."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from toy_task import OPTIMIZER, SCHEDULE, ToyTask

from wssis.engine.trainer import train
from wssis.formats.checkpoint import load_model

PROGRAM = """
import sys
from pathlib import Path
from toy_task import OPTIMIZER, SCHEDULE, ToyTask
from wssis.engine.trainer import train
folder, micro = Path(sys.argv[1]), int(sys.argv[2]) or None
settings = OPTIMIZER.model_copy(update={"micro_batch": micro})
state = folder / "state" / "two"
train(ToyTask(dropout=0.0), SCHEDULE, settings, 5, folder / "two", state, {}, {4: "snapshot1.safetensors"})
"""


def test_two_processes_equal_one(tmp_path: Path) -> None:
    train(ToyTask(dropout=0.0), SCHEDULE, OPTIMIZER, 5, tmp_path / "one", tmp_path / "state" / "one", {})
    (tmp_path / "program.py").write_text(PROGRAM)
    here = Path(__file__).resolve().parent
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, str(tmp_path / "program.py"), str(tmp_path), "1"],
        env=os.environ | {"PYTHONPATH": f"{here}{os.pathsep}{here.parent}", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    one, two = (load_model(tmp_path / name / "model.safetensors")[0] for name in ("one", "two"))
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-4, atol=1e-5)
    assert (tmp_path / "two" / "snapshot1.safetensors").is_file()
    one, two = ([json.loads(line)["square"] for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
                for name in ("one", "two"))  # fmt: skip
    assert len(two) == 2 and two == pytest.approx(one, rel=1e-4)
