"""What Implicit PointRend's point head is told of a point: its place, the image's features, both; never nothing."""

import pytest
import torch
from box_fixtures import NETWORK
from pydantic import ValidationError

from wssis.config.maskrcnn import MaskRCNNSettings
from wssis.models.maskrcnn.network import MaskRCNN

BOXES = torch.tensor([[8.0, 8.0, 40.0, 40.0]])


def _masks(image: torch.Tensor, **inputs: object) -> torch.Tensor:
    """Probabilities of a random network's mask in one box; the parameters of its point head are enlarged."""
    torch.manual_seed(0)
    settings = NETWORK.model_copy(update={"kind": "implicit-pointrend", **inputs})
    network = MaskRCNN(settings, 2, initial=False).eval()
    network.masks.predictor.weight.data *= 4000
    with torch.no_grad():
        return network.masks_of(image, [BOXES], [torch.tensor([1])])


@pytest.mark.parametrize("encoding", ["fourier", "relative", "none"])
@pytest.mark.parametrize("features", [True, False])
def test_a_mask_varies_with_what_the_head_is_told(encoding: str, features: bool) -> None:
    if encoding == "none" and not features:
        with pytest.raises(ValidationError, match="else the point head sees nothing"):
            MaskRCNNSettings(point_encoding=encoding, point_features=features)
        return
    rng = torch.Generator().manual_seed(1)
    plain, varied = torch.zeros(1, 3, 64, 64), torch.randn(1, 3, 64, 64, generator=rng)
    inputs = {"point_encoding": encoding, "point_features": features}
    assert _masks(varied, **inputs).std() > 1e-4
    # The middle of the box, where no border of the image is near.
    middle = _masks(plain, **inputs)[:, 90:130, 90:130]
    assert (middle.std() > 1e-4) == (encoding != "none"), "in an even image only the place varies"


def test_the_defaults_are_as_they_were() -> None:
    names = MaskRCNNSettings(kind="implicit-pointrend").model_dump(mode="json")
    assert "point_encoding" not in names and "point_features" not in names
