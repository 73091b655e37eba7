"""Point supervision and the implicit point head against reference vectors of Detectron2's PointSup and PointRend."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_vectors import assert_close
from torch import Tensor

from wssis.models.maskrcnn.point_head import PlaceEncoding, PointHeadShape, point_head, split_parameters
from wssis.models.maskrcnn.points import at_places, ignore_outside, of_class, places_in_boxes, point_losses

Arrays = Mapping[str, Tensor]


@pytest.fixture(scope="module")
def arrays(golden: Path) -> Arrays:
    return {name: torch.from_numpy(np.asarray(array)) for name, array in np.load(golden / "point_sup_a.npz").items()}


def test_places_and_labels(arrays: Arrays) -> None:
    places = places_in_boxes(arrays["boxes_xyxy"], arrays["point_coords"])
    assert_close(places, arrays["coords_in_box"].numpy())
    labels = ignore_outside(places, arrays["point_labels"].float())
    np.testing.assert_array_equal(labels.numpy(), arrays["labels_with_ignore"].numpy())
    assert (labels == -1).any(), "the vectors hold points outside their boxes"


def test_sampled_logits_and_loss(arrays: Arrays) -> None:
    places = places_in_boxes(arrays["boxes_xyxy"], arrays["point_coords"])
    sampled = at_places(arrays["mask_logits"], places)
    assert_close(sampled, arrays["sampled_logits"].numpy())
    labels = ignore_outside(places, arrays["point_labels"].float())
    counts = torch.full((len(labels),), labels.shape[1])
    loss = point_losses(of_class(sampled, arrays["classes"]), labels, counts).mean()
    assert_close(loss, arrays["loss"].numpy())


def test_point_head(arrays: Arrays) -> None:
    features, parameters = arrays["head_features"], arrays["head_parameters"]
    shape = PointHeadShape(features.shape[1], hidden=16, classes=arrays["head_logits"].shape[1])
    assert shape.parameters == parameters.shape[1]
    assert [out * entering for out, entering in shape.layers] == arrays["head_weight_sizes"].tolist()
    assert [out for out, _ in shape.layers] == arrays["head_bias_sizes"].tolist()
    encoding = PlaceEncoding()
    encoding.matrix.copy_(arrays["head_fourier_matrix"])
    inputs = torch.cat([encoding(arrays["head_point_coords"]), features], 1)
    assert_close(point_head(inputs, *split_parameters(parameters, shape)), arrays["head_logits"].numpy())
