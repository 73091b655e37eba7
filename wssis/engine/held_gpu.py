"""Which of several GPUs a process computes on: one that no other process of the same user's studies holds."""

import fcntl
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import IO

import torch

_held: list[IO[bytes]] = []
"""Open lock files; the system gives them back when the process ends, however it ends."""


@cache
def held_gpu() -> int:
    """Index of the GPU of this process, held until it ends; made PyTorch's current one.

    One of torchrun's processes takes the GPU of its local rank. A process of its own takes the first that no other
    holds, the first of all where every one is held: two trainings that Snakemake starts side by side on one machine
    do not share a GPU while another is idle. On clusters a job sees its own GPUs alone.
    """
    number = torch.cuda.device_count()
    wanted = int(os.environ.get("LOCAL_RANK", "0"))
    if number > 1:
        candidates = [wanted] if "LOCAL_RANK" in os.environ else range(number)
        wanted = next((index for index in candidates if _hold(index)), wanted)
    torch.cuda.set_device(wanted)
    return wanted


def _hold(index: int) -> bool:
    """Lock a GPU, known by its UUID, for CUDA_VISIBLE_DEVICES may give it any index; False where another has it."""
    uuid = torch.cuda.get_device_properties(index).uuid
    file = _lock_folder() / f"{uuid}.lock"
    lock = file.open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    _held.append(lock)
    return True


def _lock_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"wssis-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
