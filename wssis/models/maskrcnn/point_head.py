"""The point head of Implicit PointRend (Cheng et al., 2022, section 4): a small network of its own for every object.

Legend: N objects, K points each, F image features, C classes, T parameters of one point head.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FREQUENCIES = 128
HIDDEN_LAYERS = 3


@dataclass(frozen=True)
class PointHeadShape:
    """Channels of the layers: `places` of the encoded place, `features` of the image, hidden layers, C classes."""

    features: int
    hidden: int
    classes: int
    places: int = 2 * FREQUENCIES

    @property
    def layers(self) -> list[tuple[int, int]]:
        """(out, in) of each layer."""
        first = self.places + self.features
        return [(self.hidden, first), *[(self.hidden, self.hidden)] * (HIDDEN_LAYERS - 1), (self.classes, self.hidden)]

    @property
    def parameters(self) -> int:
        """T: all weights and biases."""
        return sum(out * entering + out for out, entering in self.layers)


def common_parameters(shape: PointHeadShape) -> Tensor:
    """Parameters (T,) of one point head as any network begins: weights by He et al. (2015), biases 0."""
    weights = [torch.randn(out * entering) * math.sqrt(2 / entering) for out, entering in shape.layers]
    return torch.cat([*weights, torch.zeros(sum(out for out, _ in shape.layers))])


def split_parameters(parameters: Tensor, shape: PointHeadShape) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters (N, T), all weights layer by layer and then all biases -> weights (N, out, in), biases (N, out, 1)."""
    weights = [out * entering for out, entering in shape.layers]
    biases = [out for out, _ in shape.layers]
    parts = parameters.split([*weights, *biases], dim=1)
    matrices = [part.reshape(-1, *size) for part, size in zip(parts, shape.layers, strict=False)]
    return matrices, [part[..., None] for part in parts[len(weights) :]]


def point_head(inputs: Tensor, weights: list[Tensor], biases: list[Tensor]) -> Tensor:
    """Inputs (N, in, K) through each object's own layers, ReLU between them: (N, out of the last layer, K)."""
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        inputs = torch.baddbmm(bias, weight, F.relu(inputs) if number else inputs)
    return inputs


class PlaceEncoding(nn.Module):
    """Random Fourier features of places in a box (Tancik et al., 2020)."""

    channels = 2 * FREQUENCIES
    matrix: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.randn((2, FREQUENCIES)))

    def forward(self, places: Tensor) -> Tensor:
        """Places (N, K, 2) in 0 ... 1 -> (N, 256, K): sines, then cosines."""
        scaled = 2 * math.pi * (2 * places[..., None] - 1) * self.matrix
        angles = scaled.sum(-2)  # No matrix product: autocast would round it to bfloat16, angles of 20 by a tenth.
        return torch.cat([angles.sin(), angles.cos()], -1).transpose(1, 2)


class RelativePlaces(nn.Module):
    """Places in a box as they are, relative to its centre."""

    channels = 2

    def forward(self, places: Tensor) -> Tensor:
        """Places (N, K, 2) in 0 ... 1 -> (N, 2, K) in -1 ... 1."""
        return (2 * places - 1).transpose(1, 2)


class NoPlaces(nn.Module):
    """Nothing of the place."""

    channels = 0

    def forward(self, places: Tensor) -> Tensor:
        """Places (N, K, 2) -> (N, 0, K)."""
        return places.new_zeros((len(places), 0, places.shape[1]))


ENCODINGS = {"fourier": PlaceEncoding, "relative": RelativePlaces, "none": NoPlaces}
"""How a place is told, by the setting `point_encoding`."""
