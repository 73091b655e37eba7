"""Stands in for `wssis train-teacher`: the real stage, loop, saves and manifest, on a toy with steps of a given time.

toy_teacher.py SECONDS train-teacher ...
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from torch import Tensor, nn
from toy_task import ToyTask

from wssis.cli import main
from wssis.engine import metrics, segmentor_task, trainer
from wssis.formats import manifest
from wssis.stages import teacher

COCO = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "number"}]}


class SlowTask(ToyTask):
    """The toy, with time to be disturbed in."""

    def __init__(self, step_seconds: float) -> None:
        super().__init__()
        self._step_seconds = step_seconds

    def losses(self, model: nn.Module, batch: tuple[Tensor, list[int]]) -> dict[str, Tensor]:
        time.sleep(self._step_seconds)
        return super().losses(model, batch)


def prepare(step_seconds: float) -> None:
    """Put the toy in place of the segmentor, whatever its settings and images; save every 10 steps or so."""
    segmentor_task.SegmentorTask = lambda *arguments: SlowTask(step_seconds)
    teacher.read_labels = lambda path, *keys: COCO
    manifest.manifest_of = lambda path: None  # what stands in for the other stages writes no manifests
    metrics.EVERY = 5
    trainer.SAVE_EVERY = 10 * step_seconds


if __name__ == "__main__":
    prepare(step_seconds=float(sys.argv[1]))
    main(sys.argv[2:])
