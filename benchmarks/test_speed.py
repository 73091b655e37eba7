"""How long the work of the default study takes here: `make bench` prints one line per measurement."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from wssis.config.resolve import resolve
from wssis.config.study import Study
from wssis.config.validate import validate_study
from wssis.models.point_guidance import point_guided
from wssis.models.refinenet.inputs import input_channels
from wssis.models.refinenet.loss import refiner_loss
from wssis.models.refinenet.network import MaskRefineNet
from wssis.models.solov2.instances import Instances, from_masks
from wssis.models.solov2.loss import solov2_loss
from wssis.models.solov2.network import SOLOv2

REPOSITORY = Path(__file__).resolve().parents[1]
CLASSES = 8
OBJECTS = 6


@pytest.fixture(scope="module")
def study() -> Study:
    """The default study."""
    return validate_study(yaml.safe_load((REPOSITORY / "config.yaml").read_text()))


def _print_seconds(what: str, work: Callable[[], object], repeats: int) -> None:
    """Print the shortest of some runs, the first not counted."""
    work()
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    print(f"\n{what}: {1000 * min(seconds):.0f} ms", end="")


def _squares(side: int) -> Instances:
    """Objects of a sixth of the side, on the diagonal."""
    masks = torch.zeros(OBJECTS, side, side, dtype=torch.uint8)
    step = side // OBJECTS
    for number in range(OBJECTS):
        masks[number, number * step : (number + 1) * step, number * step : (number + 1) * step] = 1
    return from_masks(masks, torch.arange(OBJECTS) % CLASSES)


def test_training_step_of_the_student(study: Study) -> None:
    settings = resolve(study, "student", dataset="shapes", mix="10pct", seed="s0", arm="wssis")
    torch.set_num_threads(study.threads)
    batch, side = settings.optimizer.batch, settings.augmentation.short_sides[0]
    model = SOLOv2(settings.network, CLASSES, initial=False).train()
    images = [torch.zeros(3, side, side, dtype=torch.uint8)] * batch
    instances = [_squares(side)] * batch

    def step() -> None:
        padded = model.batch(images)
        losses = solov2_loss(model(padded), instances, settings.network, tuple(padded.shape[-2:]))
        sum(losses.values()).backward()

    _print_seconds(f"student, one step of {batch} images at {side} px", step, 5)


def test_point_guidance(study: Study) -> None:
    settings = resolve(study, "teacher", dataset="shapes", mix="10pct", seed="s0")
    side = study.inference.short_side
    model = SOLOv2(settings.network, CLASSES, initial=False).eval()
    objects = _squares(side)
    with torch.inference_mode():
        outputs = model(model.batch([torch.zeros(3, side, side, dtype=torch.uint8)]))
        work: Callable[[], object] = lambda: point_guided(  # noqa: E731
            outputs, objects.points, objects.labels, (side, side), (side, side)
        )
        _print_seconds(f"point guidance, {OBJECTS} points at {side} px", work, 5)


def test_training_step_of_the_refiner(study: Study) -> None:
    settings = resolve(study, "refiner", dataset="shapes", mix="10pct", seed="s0")
    batch, size = settings.optimizer.batch, study.crops.size
    model = MaskRefineNet(settings.network, CLASSES, initial=False).train()
    inputs = torch.zeros(batch, input_channels(CLASSES, settings.network), size, size)
    target: Tensor = torch.zeros(batch, size, size)
    _print_seconds(
        f"refiner, one step of {batch} crops at {size} px",
        lambda: refiner_loss(model(inputs), target).backward(),
        5,
    )


def test_planning_the_published_study() -> None:
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "--configfile", "studies/coco.yaml"]
    work: Callable[[], object] = lambda: subprocess.run(  # noqa: E731
        command, cwd=REPOSITORY, capture_output=True, check=True
    )
    _print_seconds("snakemake -n of studies/coco.yaml", work, 2)
