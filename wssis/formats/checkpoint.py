"""Weights of a network and what is needed to build it again: one safetensors file, equal bytes for equal content.

Metadata values are strings. A segmentor: kind "solov2", network (JSON of SOLOv2Settings), categories (JSON list of
{id, name} in class-index order), step. A box network: kind "mask-rcnn" or "implicit-pointrend", network (JSON of
MaskRCNNSettings), categories, step. A refiner: kind "maskrefinenet", network, categories, crop_size.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from wssis.errors import InputError
from wssis.formats.atomic import write_bytes

HEADER_LENGTH = 8
"""Bytes of the little-endian length that opens a safetensors file."""


def _ordered_header(data: bytes) -> bytes:
    """The same safetensors file with sorted header keys; the library writes metadata in a random order."""
    length = int.from_bytes(data[:HEADER_LENGTH], "little")
    header = json.loads(data[HEADER_LENGTH : HEADER_LENGTH + length])
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % HEADER_LENGTH)
    return b"".join((len(text).to_bytes(HEADER_LENGTH, "little"), text, data[HEADER_LENGTH + length :]))


def save_model(path: Path, state_dict: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write weights atomically; equal tensors and metadata give equal bytes.

    Args:
        path: the .safetensors file; missing parent folders are created.
        state_dict: name -> tensor of any device and layout; stored on the CPU, row-major, each on its own.
        metadata: see the head of this file.
    """
    tensors = {
        name: torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())
        for name, tensor in sorted(state_dict.items())
    }
    write_bytes(path, _ordered_header(save(tensors, metadata=dict(metadata))))


def load_model(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Read weights (CPU tensors) and metadata.

    Raises:
        InputError: the file is missing or is not a whole safetensors file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: checkpoint not found; run the stage that writes it, or correct the path")
    try:
        with safe_open(path, framework="pt") as stream:
            return {name: stream.get_tensor(name) for name in stream.keys()}, dict(stream.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"{path}: not a whole safetensors file ({error}); delete it and run its stage again"
        ) from error


@contextmanager
def reading_metadata(path: Path) -> Iterator[None]:
    """Within: metadata of the checkpoint at `path` that lack something, or say it in another way, are an InputError."""
    try:
        yield
    except (KeyError, ValueError, TypeError) as error:  # pydantic's and JSON's errors are ValueErrors.
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"{path}: what its metadata say of the network cannot be read ({said}); the file is damaged, or was written"
            " by another version: make it again, or use that version"
        ) from error
