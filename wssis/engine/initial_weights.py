"""Reads what a backbone starts from: ImageNet's weights or a file's, under the backbone's own names."""

from pathlib import Path

from torch import Tensor, nn

from wssis.config.network import BackboneSettings
from wssis.errors import InputError
from wssis.formats.imagenet_file import LITE0_FILE, LITE0_PACKAGE, imagenet_file_at_hand
from wssis.formats.weights_file import read_tensors
from wssis.models.backbone_weights import InitialWeights
from wssis.models.backbones import timm_body
from wssis.models.import_weights import resnet_name


def read_initial_weights(settings: BackboneSettings) -> InitialWeights | None:
    """The weights that `settings.weights` names; None for `none`.

    Call it before seeding: timm draws random numbers when it builds a network, whose weights are then replaced.

    Raises InputError where they cannot be had, and for frozen random weights: batch norm with default statistics does
    not normalise, and a frozen random stage learns nothing.
    """
    if settings.freezes_untrained():
        raise InputError(
            "backbone.weights: none leaves nothing worth freezing (random weights, default statistics); "
            "set backbone.norm: batch and backbone.frozen_stages: 0, or weights: imagenet or a file"
        )
    if settings.weights == "none":
        return None
    if settings.weights == "imagenet":
        path = imagenet_file_at_hand(settings)
        return InitialWeights(str(path), _of_imagenet(path, settings))
    tensors = read_tensors(Path(settings.weights))
    if not settings.name.startswith("timm:"):
        tensors = {resnet_name(name): value for name, value in tensors.items()}
    return InitialWeights(settings.weights, tensors)


def _of_imagenet(path: Path, settings: BackboneSettings) -> dict[str, Tensor]:
    if path.name == LITE0_FILE:
        return _lite0_names(read_tensors(path), timm_body(settings))
    if settings.name.startswith("timm:"):
        # timm itself renames a file's tensors for its feature extractor.
        return timm_body(settings, path).state_dict()
    return read_tensors(path)


def _lite0_names(state: dict[str, Tensor], body: nn.Module) -> dict[str, Tensor]:
    """The package's tensors under timm's names: names differ, the order is the same (head and classifier last)."""
    own = {n: v for n, v in body.state_dict().items() if not n.endswith("num_batches_tracked")}
    given = [v for n, v in state.items() if not n.endswith("num_batches_tracked")]
    if len(given) < len(own) or any(v.shape != g.shape for v, g in zip(own.values(), given, strict=False)):
        raise InputError(f"package {LITE0_PACKAGE} holds other tensors than expected; install version 0.1.0")
    return dict(zip(own, given, strict=False))
