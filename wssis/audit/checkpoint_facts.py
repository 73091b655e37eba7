"""What a checkpoint says of itself, and whether its weights are numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

FLOATS = ("F16", "F32", "F64")
"""Tensors that are read: NumPy has no word for others, such as BF16, and whole numbers are always finite."""


def read_header(path: Path) -> dict[str, Any]:
    """A checkpoint's metadata, and name -> (dtype, shape) of its tensors; no tensor is read.

    Raises:
        SafetensorError: it is not a whole safetensors file.
    """
    with safe_open(path, framework="np") as stream:
        names = list(stream.keys())
        slices = {name: stream.get_slice(name) for name in names}
        shapes = {name: (one.get_dtype(), tuple(one.get_shape())) for name, one in slices.items()}
        return {"metadata": dict(stream.metadata() or {}), "tensors": shapes}


def checkpoint_facts(path: Path) -> dict[str, Any]:
    """The header, and the tensors with values that are not finite: no training would have gone on with them.

    Raises:
        SafetensorError: it is not a whole safetensors file.
    """
    header = read_header(path)
    return header | {"problems": list(_not_finite(path, header["tensors"]))}


def _not_finite(path: Path, tensors: dict[str, tuple[str, tuple[int, ...]]]) -> Iterator[str]:
    with safe_open(path, framework="np") as stream:
        for name, (dtype, _) in sorted(tensors.items()):
            if dtype in FLOATS and (wrong := int(np.count_nonzero(~np.isfinite(stream.get_tensor(name))))):
                yield f"{name} has {wrong} values that are not finite"
