"""A batch in several passes, or in several processes, has the gradient of the batch in one piece."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from segmentor_fixtures import COMMON, NETWORK, training_set, write_study
from torchvision.models import resnet18

from wssis.config.network import BackboneSettings
from wssis.config.segmentor_stages import StudentSettings
from wssis.config.training import OptimizerSettings, ScheduleSettings
from wssis.engine.distributed import World
from wssis.engine.loss_weights import loss_weights
from wssis.engine.segmentor_task import SegmentorTask, train_segmentor
from wssis.engine.task import MeansOverSamples
from wssis.formats.checkpoint import load_model
from wssis.formats.coco import read_coco

ONE_STEP = ScheduleSettings(iterations=1, warmup=0, decay="constant", steps=())
HERE = Path(__file__).resolve().parent
PROGRAM = """
import sys
from test_accumulation import train_one_step
train_one_step(sys.argv[1], "two", micro_batch=3)
"""


def settings(folder: Path, **changes: object) -> StudentSettings:
    """One step of plain gradient descent on 16 samples, with frozen norms: those of a pass would differ."""
    optimizer = {"name": "sgd", "lr": 0.1, "momentum": 0.0, "weight_decay": 0.0, "batch": 16, "threads": 1} | changes
    backbone = BackboneSettings(name="resnet18", weights=str(Path(folder) / "backbone.pth"))
    network = NETWORK.model_copy(update={"backbone": backbone})
    common = {"network": network, "schedule": ONE_STEP, "augmentation": COMMON["augmentation"]}
    return StudentSettings(**common, optimizer=OptimizerSettings(**optimizer))


def train_one_step(folder: str | Path, name: str, **changes: object) -> None:
    """Train in `folder`/`name`."""
    folder = Path(folder)
    inputs = {"images_table": folder / "images.csv"}
    arguments = read_coco(folder / "full.json"), inputs, folder / "images", folder / ".state" / name, folder / name
    train_segmentor("student", settings(folder, **changes), *arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study, weights of a backbone, and the weights before and after a step in one piece."""
    folder = tmp_path_factory.mktemp("accumulation")
    paths = write_study(folder)
    torch.manual_seed(0)
    torch.save(resnet18().state_dict(), folder / "backbone.pth")
    task = SegmentorTask(settings(folder), training_set(), paths["images_table"], paths["image_dir"])
    torch.save(task.model.state_dict(), folder / "before.pt")
    train_one_step(folder, "one")
    return folder


def _change(folder: Path, name: str) -> torch.Tensor:
    """What the step did to all weights, float64: the learning rate times the gradient."""
    before = torch.load(folder / "before.pt", weights_only=True)
    after = load_model(folder / name / "model.safetensors")[0]
    floating = [key for key, weight in before.items() if weight.is_floating_point()]
    return torch.cat([(after[key].double() - before[key].double()).flatten() for key in floating])


def _losses(folder: Path, name: str) -> list[float]:
    line = json.loads((folder / name / "metrics.jsonl").read_text())
    return [line["dice"], line["focal"]]


def _assert_equal_steps(folder: Path, name: str) -> None:
    whole, parts = _change(folder, "one"), _change(folder, name)
    assert whole.norm() > 0
    assert (parts - whole).norm() < 1e-4 * whole.norm()


@pytest.mark.parametrize("micro_batch", [4, 3])
def test_passes_equal_one_batch(folder: Path, micro_batch: int) -> None:
    train_one_step(folder, f"micro{micro_batch}", micro_batch=micro_batch)
    _assert_equal_steps(folder, f"micro{micro_batch}")
    assert _losses(folder, f"micro{micro_batch}") == pytest.approx(_losses(folder, "one"), rel=1e-4)


@pytest.mark.slow
def test_two_processes_of_several_passes_equal_one_batch(folder: Path) -> None:
    (folder / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         str(folder / "program.py"), str(folder)],
        env=os.environ | {"PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    _assert_equal_steps(folder, "two")
    assert _losses(folder, "two") == pytest.approx(_losses(folder, "one"), rel=1e-4)


class _Counted(MeansOverSamples):
    """Batches are their counts; divided by twice as much."""

    def counts(self, batch: list[float]) -> torch.Tensor:
        return torch.tensor(batch, dtype=torch.float64)

    def divisors(self, counts: torch.Tensor) -> torch.Tensor:
        return 2 * counts


def test_weights_by_hand() -> None:
    world = World(0, 1, torch.device("cpu"))
    assert loss_weights(_Counted(), [[3.0, 7.0]], world)[0].tolist() == [1, 1]
    first, second = loss_weights(_Counted(), [[3.0, 2.0], [1.0, 0.0]], world)
    assert first.tolist() == [0.75, 1] and second.tolist() == [0.25, 0]
