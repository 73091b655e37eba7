"""metrics.jsonl: one line of figures every few steps, whole also after a resume."""

import json
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from wssis.engine.tensorboard import EventFiles

EVERY = 20
"""Steps between two lines."""


def memory_megabytes(device: torch.device) -> dict[str, int]:
    """Largest memory so far, MiB: of this process, and of its tensors on the GPU if it has one."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    memory = {"memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)}
    if device.type == "cuda":
        memory["gpu_memory_mb"] = round(torch.cuda.max_memory_allocated(device) / 2**20)
    return memory


class Metrics:
    """Lines with step, losses, lr, images_per_second, data_wait, memory_mb, gpu_memory_mb on a GPU, seconds (in all).

    `data_wait` is the share of the time in which the training waited for the next batch.

    Args:
        path: the file; rewritten with `text`, the lines up to the resumed step, then appended to. None: keep quiet.
        batch: images per step over all processes.
        text: lines of the runs before this one.
        seconds: training time before this run.
        tensorboard: write event files beside it, too.

    Raises:
        InputError: `tensorboard`, and the package is not installed.
    """

    def __init__(
        self, path: Path | None, batch: int, text: str = "", seconds: float = 0.0, tensorboard: bool = False
    ) -> None:
        self._path, self._batch = path, batch
        self.text = text
        self._begun = time.perf_counter() - seconds
        self._last, self._steps, self._waited = time.perf_counter(), 0, 0.0
        self._events: EventFiles | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            self._events = EventFiles(path.parent, text) if tensorboard else None

    @property
    def seconds(self) -> float:
        """Training time in all, over all runs."""
        return time.perf_counter() - self._begun

    def due(self, step: int, last: int) -> bool:
        """Count a step that is done, and say whether a line is due."""
        self._steps += 1
        return step == 1 or step % EVERY == 0 or step == last

    def write(self, step: int, losses: Mapping[str, float], lr: float, waited: float, device: torch.device) -> float:
        """Append a line; `waited` is the feed's total waiting time. Returns images per second."""
        now = time.perf_counter()
        span = max(now - self._last, 1e-9)
        rate = self._steps * self._batch / span
        line = {
            "step": step,
            **{name: round(value, 6) for name, value in losses.items()},
            "lr": lr,
            "images_per_second": round(rate, 2),
            "data_wait": round((waited - self._waited) / span, 4),
            **memory_megabytes(device),
            "seconds": round(self.seconds, 3),
        }
        self._append(line)
        self._last, self._steps, self._waited = now, 0, waited
        return rate

    def _append(self, line: dict[str, float]) -> None:
        text = json.dumps(line) + "\n"
        self.text += text
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(text)
        if self._events is not None:
            self._events.write(line)

    def close(self) -> None:
        """Close the event files, if there are any."""
        if self._events is not None:
            self._events.close()
