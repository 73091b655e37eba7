"""What a log says of the device that a process computes on."""

import os
from collections.abc import Iterator

import torch

from wssis.engine.distributed import World

GIVEN = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS")
"""How SLURM tells a job which GPUs it has."""


def device_words(world: World) -> Iterator[str]:
    """Lines: the device; and, where a job has GPUs that PyTorch cannot use, that it holds them for nothing."""
    if world.device.type == "cuda":
        name = torch.cuda.get_device_name(world.device)
        yield f"on {name} ({world.device})" + (f", and {world.size - 1} more" if world.size > 1 else "")
        return
    yield f"on the CPU, {torch.get_num_threads()} thread" + ("s" if torch.get_num_threads() > 1 else "")
    given = next((f"{key}={os.environ[key]}" for key in GIVEN if os.environ.get(key)), None)
    if given is not None:
        yield (
            f"WARNING: the job has GPUs ({given}), but PyTorch {torch.__version__} can use none; see docs/cluster.md,"
            " Drivers"
        )
