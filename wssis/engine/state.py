"""What a training needs to go on exactly where it stopped: one file, whole or refused.

The file is 64 hex digits (sha256 of the rest) followed by a torch archive of tensors and plain values. It lives in
`state_root/<stage>/<key>`, key = digest of settings, inputs, code and output folder, so that other settings never find
it and two trainings that differ in nothing but where they write have each their own; the key is inside the file too. A
training that is through leaves its last state: whoever writes the manifest removes the folder afterwards, so that a
kill in between costs no training.
"""

import hashlib
import io
import json
import os
import pickle
import random
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wssis.config.section import Section
from wssis.errors import InputError
from wssis.formats.atomic import write_bytes
from wssis.formats.manifest import input_record

STATE_FILE = "state.pt"
DIGEST_LENGTH = 64
FIELDS = {"key", "step", "model", "optimizer", "ema", "random", "losses", "metrics", "seconds", "last"}


def state_folder(
    state_root: Path, stage: str, settings: Section, inputs: Mapping[str, Path], code: str, out: Path
) -> Path:
    """Folder of the resume state of this stage with these settings, inputs (by content) and code.

    out: where the training writes; its place beside `state_root` counts, so that both may move together.
    """
    record = {
        "settings": settings.model_dump(mode="json"),
        "inputs": {name: input_record(path)["sha256"] for name, path in sorted(inputs.items())},
        "code": code,
        "out": Path(os.path.relpath(Path(out).resolve(), Path(state_root).resolve())).as_posix(),
    }
    key = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:32]
    return Path(state_root) / stage / key


def random_states() -> dict[str, Any]:
    """States of the global generators of Python, NumPy and PyTorch (CPU and the present GPU)."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    states: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_random_states(states: Mapping[str, Any]) -> None:
    """Put back what `random_states` returned; a GPU's state only where there is a GPU."""
    version, internal, gauss_next = states["python"]
    random.setstate((version, tuple(internal), gauss_next))
    kind, keys, position, has_gauss, gauss = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def save_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write the state atomically; the one before it stays until the new one is on disk."""
    buffer = io.BytesIO()
    torch.save({"key": folder.name, **state}, buffer)
    data = buffer.getbuffer()
    write_bytes(folder / STATE_FILE, hashlib.sha256(data).hexdigest().encode() + data)


def load_state(folder: Path) -> dict[str, Any] | None:
    """Read the state in `folder`, or None if there is none.

    Raises:
        InputError: the state is corrupt, or belongs to other settings, inputs or code.
    """
    path = folder / STATE_FILE
    if not path.is_file():
        return None
    data = memoryview(path.read_bytes())
    if hashlib.sha256(data[DIGEST_LENGTH:]).hexdigest().encode() != bytes(data[:DIGEST_LENGTH]):
        raise InputError(f"{path}: corrupt resume state (its digest is wrong); delete {folder} to train from the start")
    try:
        state = torch.load(io.BytesIO(data[DIGEST_LENGTH:]), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{path}: unreadable resume state ({error}); delete {folder} to train anew") from error
    if not isinstance(state, dict) or set(state) != FIELDS:
        raise InputError(f"{path}: not a resume state of this program; delete {folder} to train from the start")
    if state["key"] != folder.name:
        raise InputError(
            f"{path}: resume state of another training ({state['key']}, not {folder.name}); "
            f"delete {folder} to train from the start"
        )
    return state


def check_weights(folder: Path, saved: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    """Refuse a state whose weights have other names or shapes than the network's.

    Raises:
        InputError: names the first weights that differ.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    found = {name: tuple(tensor.shape) for name, tensor in saved.items()}
    differing = sorted(name for name in shapes.keys() | found.keys() if shapes.get(name) != found.get(name))
    if differing:
        raise InputError(
            f"{folder / STATE_FILE}: resume state of another network ({', '.join(differing[:3])} differ); "
            f"delete {folder} to train from the start"
        )
