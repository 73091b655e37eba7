"""On a GPU: no step waits for the device, compiling works, and a resume ends where an undisturbed run ends."""

from pathlib import Path

import pytest
import torch
from crop_fixtures import write_random_store
from segmentor_fixtures import COMMON, training_set, write_study
from toy_task import ToyTask

from wssis.config.mask_stages import CropAugmentationSettings, RefinerSettings
from wssis.config.network import BackboneSettings, RefineNetSettings
from wssis.config.segmentor_stages import StudentSettings
from wssis.config.training import OptimizerSettings, ScheduleSettings
from wssis.engine import trainer
from wssis.engine.deadline import TrainingStopped
from wssis.engine.refiner_task import RefinerTask
from wssis.engine.segmentor_task import SegmentorTask
from wssis.engine.task import Task
from wssis.engine.trainer import train
from wssis.formats.checkpoint import load_model
from wssis.formats.crop_store import CropStore

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
SCHEDULE = ScheduleSettings(iterations=8, warmup=2, decay="constant", steps=())
OPTIMIZER = OptimizerSettings(name="adamw", batch=4, micro_batch=2, clip=1.0, ema=0.9, precision="bfloat16")
FIRST = 3
"""Steps that may wait: algorithms are chosen and memory is taken."""


def _segmentor(folder: Path) -> Task:
    paths = write_study(folder)
    return SegmentorTask(StudentSettings(**COMMON), training_set(), paths["images_table"], paths["image_dir"])


def _refiner(folder: Path) -> Task:
    network = RefineNetSettings(
        backbone=BackboneSettings(name="resnet18", norm="batch"), aspp_channels=8, decoder_channels=(8, 8, 8, 8),
        neighbours=True, guide=True,
    )  # fmt: skip
    augmentation = CropAugmentationSettings(rotate=20, rough_noise=0.5)
    store = CropStore(write_random_store(folder / "crops.zarr", 8))
    return RefinerTask(store, RefinerSettings(network=network, augmentation=augmentation, cross_entropy=1.0))


@pytest.mark.parametrize("make", [_segmentor, _refiner])
def test_no_step_waits_for_the_device(tmp_path: Path, make: object, monkeypatch: pytest.MonkeyPatch) -> None:
    one_step = trainer._Training._one_step

    def watched(training: trainer._Training) -> None:
        torch.cuda.set_sync_debug_mode("error" if training.step >= FIRST else "default")
        try:
            one_step(training)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(trainer._Training, "_one_step", watched)
    summary = train(make(tmp_path), SCHEDULE, OPTIMIZER, 0, tmp_path / "out", tmp_path / "state", {"kind": "test"})
    assert summary.steps == 8


@pytest.mark.parametrize("compile", [False, True])
def test_stopped_and_resumed(tmp_path: Path, compile: bool) -> None:
    settings = OPTIMIZER.model_copy(update={"compile": compile, "precision": "float32"})

    def run(name: str, task: ToyTask) -> dict[str, torch.Tensor]:
        train(task, SCHEDULE, settings, 0, tmp_path / name, tmp_path / "state" / name, {"kind": "test"})
        return load_model(tmp_path / name / "model.safetensors")[0]

    undisturbed = run("undisturbed", ToyTask())
    with pytest.raises(TrainingStopped):
        run("resumed", ToyTask(signal_at=9))
    resumed = run("resumed", ToyTask(seed=99))
    assert list(resumed) == list(ToyTask().model.state_dict())
    for name in undisturbed:
        torch.testing.assert_close(resumed[name], undisturbed[name], rtol=1e-4, atol=1e-5)
