"""What Implicit PointRend's point head is told of a point: its place, the image's features, both; never nothing."""

import pytest
import torch
from box_fixtures import NETWORK
from pydantic import ValidationError

from wssis.config.maskrcnn import MaskRCNNSettings
from wssis.models.maskrcnn.implicit_masks import _Masks
from wssis.models.maskrcnn.network import MaskRCNN

BOX = torch.tensor([[8.0, 8.0, 40.0, 40.0]])
PLAIN = torch.zeros(1, 3, 64, 64)
VARIED = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
MIDDLE = 0.35 + 0.3 * torch.rand(1, 50, 2, generator=torch.Generator().manual_seed(2))
"""Places where no border of the image is near."""


@torch.no_grad()
def _spread(image: torch.Tensor, **inputs: object) -> float:
    """How far the logits of one mask vary over some places; the point head's parameters have unit size."""
    torch.manual_seed(0)
    settings = NETWORK.model_copy(update={"kind": "implicit-pointrend", **inputs})
    network = MaskRCNN(settings, 2).eval()
    pyramid = network.pyramid(image)
    parameters = network.masks(pyramid[:4], [BOX])
    masks = _Masks(network.masks, pyramid[0], [BOX], torch.tensor([1]), parameters / parameters.std())
    return float(masks.at(MIDDLE).std())


@pytest.mark.parametrize("encoding", ["fourier", "relative", "none"])
@pytest.mark.parametrize("features", [True, False])
def test_a_mask_varies_with_what_the_head_is_told(encoding: str, features: bool) -> None:
    inputs = {"point_encoding": encoding, "point_features": features}
    if encoding == "none" and not features:
        with pytest.raises(ValidationError, match="else the point head sees nothing"):
            MaskRCNNSettings(**inputs)
        return
    assert _spread(VARIED, **inputs) > 0.1
    assert (_spread(PLAIN, **inputs) > 0.1) == (encoding != "none"), "in an even image only the place varies"


def test_the_defaults_are_not_written_out() -> None:
    names = MaskRCNNSettings(kind="implicit-pointrend").model_dump(mode="json")
    assert not {"point_encoding", "point_features", "point_head"} & set(names)
