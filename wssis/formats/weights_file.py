"""Files of weights from elsewhere: .safetensors, and pickles read without running code in them."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from wssis.config.network import WEIGHT_SUFFIXES
from wssis.errors import InputError


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a .safetensors, .pth or .pt file (pickles only with weights_only=True).

    Raises:
        InputError: the file is missing, damaged, of another kind, or a pickle of more than tensors and plain values.
    """
    if not path.is_file():
        raise InputError(f"weights file {path} does not exist")
    if path.suffix not in WEIGHT_SUFFIXES:
        raise InputError(f"weights file {path}: expected one of {', '.join(WEIGHT_SUFFIXES)}")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise InputError(f"weights file {path} is not a whole .safetensors file ({error}); get it again") from error
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # Its message advises to run the code all the same.
        message = f"weights file {path} is no checkpoint that can be read without running code in it"
        raise InputError(f"{message}; get it again, or save its tensors alone as .safetensors") from error
    for key in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise InputError(f"weights file {path} holds no mapping of names to tensors")
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
