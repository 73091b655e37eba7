"""Backbones: torchvision ResNets (also in MSRA style) and whatever timm offers with features.

B batch, H W image size in px.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import resnet

from wssis.config.network import BackboneSettings
from wssis.errors import InputError
from wssis.models.backbone_weights import InitialWeights, fill

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class ResNetBody(nn.Module):
    """A torchvision ResNet without its classifier; parameter names are torchvision's."""

    modules_of_features = ("bn1", "layer1", "layer2", "layer3", "layer4")

    def __init__(self, name: str, msra: bool) -> None:
        super().__init__()
        full: resnet.ResNet = getattr(resnet, name)(weights=None)
        self.conv1, self.bn1, self.relu, self.maxpool = full.conv1, full.bn1, full.relu, full.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = full.layer1, full.layer2, full.layer3, full.layer4
        width = full.fc.in_features
        self.channels = [64, width // 8, width // 4, width // 2, width]
        if msra:
            for layer in (self.layer2, self.layer3, self.layer4):
                layer[0].conv1.stride, layer[0].conv2.stride = (2, 2), (1, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features at strides 2 (stem), 4, 8, 16, 32."""
        features = [self.relu(self.bn1(self.conv1(x)))]
        x = self.maxpool(features[0])
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            features.append(x)
        return features


class Backbone(nn.Module):
    """A feature extractor with its own normalisation, frozen stages and frozen norms.

    `channels` and `strides` describe the features, finest first; `mean`, `std` are RGB on the 0-255 scale.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        body: nn.Module,
        channels: list[int],
        strides: list[int],
        feature_modules: list[str],
        settings: BackboneSettings,
        mean: tuple[float, ...],
        std: tuple[float, ...],
    ) -> None:
        super().__init__()
        self.body = body
        self.channels = channels
        self.strides = strides
        self.bgr = settings.style == "msra"
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self._still: list[nn.Module] = []
        self._freeze(settings, feature_modules)

    def _freeze(self, settings: BackboneSettings, feature_modules: list[str]) -> None:
        if settings.frozen_stages:
            for module in _modules_up_to(self.body, self._last_frozen(settings, feature_modules)):
                self._still.append(module)
                for parameter in module.parameters(recurse=False):
                    parameter.requires_grad_(False)
        if settings.norm == "frozen":
            for module in self.body.modules():
                if isinstance(module, nn.BatchNorm2d):
                    self._still.append(module)
                    for parameter in module.parameters(recurse=False):
                        parameter.requires_grad_(False)

    def _last_frozen(self, settings: BackboneSettings, feature_modules: list[str]) -> str:
        """Name of the last frozen module: stage k ends with the feature at stride 2 ** k."""
        inside = [i for i, stride in enumerate(self.strides) if stride <= 2**settings.frozen_stages]
        if not inside:
            raise InputError(
                f"backbone.frozen_stages: {settings.name} has no feature at stride {2**settings.frozen_stages} "
                f"or finer; its strides are {self.strides}"
            )
        return feature_modules[inside[-1]]

    def train(self, mode: bool = True) -> "Backbone":
        """As usual, but frozen stages and frozen norms stay in evaluation mode."""
        super().train(mode)
        for module in self._still:
            module.training = False
        return self

    def normalise(self, images: Tensor) -> Tensor:
        """RGB images (..., 3, H, W), uint8 or float, 0-255 -> float32 as the backbone expects them (BGR for msra)."""
        images = (images.to(self.mean.dtype) - self.mean) / self.std
        return images.flip(-3) if self.bgr else images

    def forward(self, images: Tensor) -> list[Tensor]:
        """Normalised float images (B, 3, H, W) -> features, finest first, one per entry of `strides`."""
        return list(self.body(images))


def _modules_up_to(body: nn.Module, last: str) -> Iterator[nn.Module]:
    """Every module registered before `last`, and `last` with all that is in it; containers in between included."""
    entered = False
    for name, module in body.named_modules():
        inside = name == last or name.startswith(last + ".")
        if entered and not inside:
            return
        entered = entered or inside
        yield module


def build_backbone(settings: BackboneSettings, initial: InitialWeights | None = None) -> Backbone:
    """The backbone of the settings, with random weights unless `initial` is given.

    Raises InputError for an unknown name, strides that do not fit, and weights that do not fit.
    """
    timm = settings.name.startswith("timm:")
    backbone = _timm_backbone(settings) if timm else _resnet_backbone(settings)
    if initial is not None:
        fill(backbone.body, initial)
    return backbone.train()


def _resnet_backbone(settings: BackboneSettings) -> Backbone:
    msra = settings.style == "msra"
    body = ResNetBody(settings.name, msra)
    std = (1.0, 1.0, 1.0) if msra else IMAGENET_STD
    modules = list(body.modules_of_features)
    return Backbone(body, body.channels, [2, 4, 8, 16, 32], modules, settings, IMAGENET_MEAN, std)


def timm_body(settings: BackboneSettings, weights: Path | None = None) -> nn.Module:
    """timm's feature extractor of this name, with the weights of a file of timm's if one is given.

    Raises InputError for a name without features, and where timm is not installed.
    """
    name = settings.name.removeprefix("timm:")
    try:
        import timm
    except ImportError as error:
        raise InputError(f"backbone.name: {settings.name} needs the package timm: pip install 'wssis[timm]'") from error
    given = {"pretrained": True, "pretrained_cfg_overlay": {"file": str(weights)}} if weights else {}
    try:
        return timm.create_model(name, features_only=True, **given)
    except (RuntimeError, AttributeError, AssertionError, TypeError) as error:
        near = difflib.get_close_matches(name, timm.list_models(), n=1)
        hint = f"; did you mean timm:{near[0]}?" if near and near[0] != name else ""
        raise InputError(f"backbone.name: timm has no {name} with features ({error}){hint}") from error


def _timm_backbone(settings: BackboneSettings) -> Backbone:
    body = timm_body(settings)
    info = body.feature_info
    names = dict(body.named_modules())
    modules = [m if m in names else m.replace(".", "_") for m in info.module_name()]
    mean, std = (tuple(255.0 * v for v in body.pretrained_cfg[key]) for key in ("mean", "std"))
    return Backbone(body, list(info.channels()), list(info.reduction()), modules, settings, mean, std)
