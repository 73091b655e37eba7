"""metrics.jsonl, written during a training by `engine.metrics`: a line of JSON every few steps."""

import json
from collections.abc import Mapping
from typing import Any

FIGURES = ("lr", "images_per_second", "data_wait", "memory_mb", "gpu_memory_mb", "seconds")
"""What a line has beside the step and the losses; `gpu_memory_mb` on a GPU only."""


def parse_metrics(text: str) -> list[dict[str, Any]]:
    """The lines of the file's text, every one of them whole."""
    return [json.loads(line) for line in text.splitlines()]


def losses_of(line: Mapping[str, float]) -> dict[str, float]:
    """Name -> value of a line's losses.

    >>> losses_of({"step": 1, "dice": 0.5, "lr": 0.1, "seconds": 3.0})
    {'dice': 0.5}
    """
    return {name: value for name, value in line.items() if name != "step" and name not in FIGURES}
