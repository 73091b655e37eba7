"""Stands in for `wssis train-teacher`: the real stage, loop, saves and manifest, on a toy that takes .1 s a step."""

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from torch import Tensor, nn
from toy_task import ToyTask

from wssis.cli import main
from wssis.engine import metrics, segmentor_task, trainer
from wssis.stages import teacher

STEP_SECONDS = 0.1
SAVE_SECONDS = 1.0
COCO = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "number"}]}


class SlowTask(ToyTask):
    """The toy, with time to be disturbed in."""

    def losses(self, model: nn.Module, batch: tuple[Tensor, list[int]]) -> dict[str, Tensor]:
        time.sleep(STEP_SECONDS)
        return super().losses(model, batch)


def slow_task(*arguments: Any) -> SlowTask:
    """In place of the segmentor's task, whatever its settings and images."""
    return SlowTask()


if __name__ == "__main__":
    segmentor_task.SegmentorTask = slow_task
    teacher.read_coco = lambda path: COCO
    metrics.EVERY = 5
    trainer.SAVE_EVERY = SAVE_SECONDS
    main(sys.argv[1:])
