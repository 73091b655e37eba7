"""metrics.jsonl: one line of figures every few steps, whole also after a resume."""

import json
import resource
import sys
import time
from pathlib import Path

import torch

EVERY = 20
"""Steps between two lines."""


def memory_megabytes(device: torch.device) -> float:
    """Largest memory so far: of the GPU's tensors, or of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


class Metrics:
    """Lines with step, losses, lr, images_per_second, data_wait (share of the time), memory_mb, seconds (in all).

    Args:
        path: the file; rewritten with `text`, the lines up to the resumed step, then appended to. None: keep quiet.
        batch: images per step over all processes.
        text: lines of the runs before this one.
        seconds: training time before this run.
    """

    def __init__(self, path: Path | None, batch: int, text: str = "", seconds: float = 0.0) -> None:
        self._path, self._batch = path, batch
        self.text = text
        self._begun = time.perf_counter() - seconds
        self._last, self._steps, self._waited = time.perf_counter(), 0, 0.0
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    @property
    def seconds(self) -> float:
        """Training time in all, over all runs."""
        return time.perf_counter() - self._begun

    def due(self, step: int, last: int) -> bool:
        """Count a step that is done, and say whether a line is due."""
        self._steps += 1
        return step == 1 or step % EVERY == 0 or step == last

    def write(self, step: int, losses: dict[str, float], lr: float, waited: float, device: torch.device) -> float:
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
            "memory_mb": round(memory_megabytes(device)),
            "seconds": round(self.seconds, 3),
        }
        text = json.dumps(line) + "\n"
        self.text += text
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(text)
        self._last, self._steps, self._waited = now, 0, waited
        return rate
