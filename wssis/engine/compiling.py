"""torch.compile of a network's forward, refused with one message where no compiler works."""

import subprocess

import torch
from torch import Tensor, nn

from wssis.errors import InputError


def _trial(x: Tensor) -> Tensor:
    return torch.relu(x * 2 + 1)


def compiled(model: nn.Module, device: torch.device) -> nn.Module:
    """The network with a compiled forward; it shares weights with `model`, which stays as it is.

    The names of the weights are therefore those of `model` wherever they are saved. Images of changing sizes are
    compiled a second time, for any size; the order in which sizes come decides which graph a step runs, so that on a
    CPU a resumed training is bit-identical where all batches have one size, and within rounding elsewhere.

    Raises:
        InputError: nothing can be compiled here.
    """
    try:
        torch.compile(_trial)(torch.ones(8, device=device))
    except (RuntimeError, ImportError, OSError, subprocess.SubprocessError) as error:
        needed = "Triton and a C compiler" if device.type == "cuda" else "a C++ compiler"
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"optimizer.compile: torch.compile does not work here ({reason}); it needs {needed}, "
            "such as that of the package gcc: install it, or set compile: false"
        ) from error
    return torch.compile(model)
