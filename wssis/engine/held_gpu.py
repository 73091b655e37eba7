"""Which of several GPUs a process computes on: one that no other process of the same user's studies holds."""

import fcntl
import os
import sys
import tempfile
from functools import cache
from itertools import count
from pathlib import Path
from typing import IO

import torch

_held: list[IO[bytes]] = []
"""Open lock files; the system gives them back when the process ends, however it ends."""


@cache
def held_gpu() -> int:
    """Index of the GPU of this process, held until it ends; made PyTorch's current one.

    One of torchrun's processes takes the GPU of its local rank. A process of its own takes the first that no other
    holds, so that two trainings which Snakemake starts side by side do not share one while another is idle; where all
    are held, the one with the lowest place that is free, which spreads them about evenly. On clusters a job sees its
    own GPUs alone.
    """
    torch.cuda.init()  # Before it, PyTorch counts the cards, not the parts (MIG) that can be computed on.
    chosen = int(os.environ.get("LOCAL_RANK", "0"))
    if torch.cuda.device_count() > 1:
        candidates = [chosen] if "LOCAL_RANK" in os.environ else range(torch.cuda.device_count())
        chosen = next(index for place in count() for index in candidates if _hold(index, place))
    torch.cuda.set_device(chosen)
    return chosen


def _hold(index: int, place: int) -> bool:
    """Take one of the places on a GPU, known by its UUID, for CUDA_VISIBLE_DEVICES may give it any index.

    False where another process has that place. Where nothing can be locked (some network file systems have no locks)
    nobody knows, and the place is taken, with a warning.
    """
    folder = Path(tempfile.gettempdir()) / f"wssis-gpus-{os.getuid()}"
    uuid = torch.cuda.get_device_properties(index).uuid
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = (folder / f"{uuid}.{place}").open("ab")
        _held.append(lock)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _held.pop().close()
        return False
    except OSError as error:
        print(f"WARNING: GPU {index} may have another job of yours: {folder} cannot be locked ({error})",
              file=sys.stderr)  # fmt: skip
    return True
