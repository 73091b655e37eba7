"""Heat maps of points, drawn on the device for training and inference alike (`method.md`, Heat map).

Shapes: B crops, P points per crop, S side of the crop in px.
"""

import torch
from torch import Tensor

NOWHERE = -1.0e6  # a coordinate so far outside that its Gaussian is zero everywhere: pads ragged lists of points


def gaussian_maps(points: Tensor, size: int, sigma: float, radius: int) -> Tensor:
    """One Gaussian per point: float32 (..., S, S) from points (..., 2) as [x, y] in crop px, peak 1.

    The centre is the point truncated to an integer; beyond `radius` px along either axis the map is zero.

    >>> gaussian_maps(torch.tensor([1.9, 0.2]), size=4, sigma=1.0, radius=1)[0]
    tensor([0.6065, 1.0000, 0.6065, 0.0000])
    """
    centre = points.to(torch.float32).trunc()
    axis = torch.arange(size, dtype=torch.float32, device=points.device)
    across = _profile(axis - centre[..., 0:1], sigma, radius)
    down = _profile(axis - centre[..., 1:2], sigma, radius)
    return down.unsqueeze(-1) * across.unsqueeze(-2)


def joint_map(points: Tensor, size: int, sigma: float, radius: int) -> Tensor:
    """Maximum over the P points of each crop: (B, S, S) from (B, P, 2); zeros where P is 0."""
    if points.shape[1] == 0:
        return torch.zeros(points.shape[0], size, size, device=points.device)
    return gaussian_maps(points, size, sigma, radius).amax(dim=1)


def _profile(offset: Tensor, sigma: float, radius: int) -> Tensor:
    """exp(-offset^2 / (2 sigma^2)) within the radius, else 0."""
    gaussian = torch.exp(-offset.square() / (2 * sigma * sigma))
    return torch.where(offset.abs() <= radius, gaussian, torch.zeros_like(gaussian))
