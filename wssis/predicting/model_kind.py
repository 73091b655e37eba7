"""What a model's file says it is, read from its header alone: a wrong file is told before anything is hashed."""

from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open

from wssis.engine.box_predictor import KINDS as BOX_KINDS
from wssis.engine.predictor import KIND as SOLOV2
from wssis.engine.refining import KIND as REFINER
from wssis.errors import InputError

SEGMENTORS = (SOLOV2, *BOX_KINDS)


def check_kind(path: Path, kinds: Sequence[str] = SEGMENTORS) -> None:
    """Nothing where the file is a whole model of one of these kinds.

    Raises:
        InputError: it is not there, a folder, no whole safetensors file, or another kind of model.
    """
    what = "a refiner" if REFINER in kinds else "a segmentor"
    if path.is_dir():
        raise InputError(f"{path}: is a folder, not {what}'s model.safetensors; the model comes first, then the images")
    if not path.is_file():
        raise InputError(f"{path}: checkpoint not found; correct the path to {what}'s model.safetensors")
    try:
        with safe_open(path, framework="np") as stream:
            kind = (stream.metadata() or {}).get("kind")
    except (SafetensorError, OSError, ValueError) as error:
        remedy = f"give {what}'s model.safetensors, or make it again"
        raise InputError(f"{path}: not a whole safetensors file ({error}); {remedy}") from None
    if kind not in kinds:
        raise InputError(f"{path}: not {what}'s checkpoint (kind {kind!r}); give one of kind {', '.join(kinds)}")
