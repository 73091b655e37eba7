"""Reading the reference vectors of the segmentor: cases, weights made from names, tolerances."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from wssis.config.network import BackboneSettings, SOLOv2Settings
from wssis.models.solov2.instances import Instances, from_masks
from wssis.models.solov2.network import DenseOutputs

PACKED_SHARE = 0.001


@dataclass(frozen=True)
class Case:
    """One file of reference vectors; `suffix` is that of each of its images."""

    name: str
    arrays: Mapping[str, NDArray]
    settings: SOLOv2Settings
    classes: int
    suffixes: tuple[str, ...]
    sizes: list[tuple[int, int]]
    originals: list[tuple[int, int]]
    padded: tuple[int, int]

    @property
    def outputs(self) -> DenseOutputs:
        """The published network's outputs, with a batch axis."""
        lead = (slice(None),) if len(self.suffixes) > 1 else (None,)
        category = [torch.from_numpy(self.arrays[f"cate_{level}"][lead]) for level in range(5)]
        kernel = [torch.from_numpy(self.arrays[f"kernel_{level}"][lead]) for level in range(5)]
        return DenseOutputs(category, kernel, torch.from_numpy(self.arrays["mask_features"][lead]))

    def instances(self, image: int) -> Instances:
        """The ground truth of one image; boxes as given."""
        name = self.suffixes[image]
        masks = torch.from_numpy(unpack(self.arrays[f"gt_masks{name}"], self.sizes[image][1]))
        found = from_masks(masks, torch.from_numpy(self.arrays[f"gt_labels{name}"]))
        assert torch.equal(found.boxes, torch.from_numpy(self.arrays[f"gt_boxes{name}"]))
        return found

    def image(self, image: int) -> torch.Tensor:
        """RGB uint8 (3, H, W)."""
        return torch.from_numpy(self.arrays[f"image_bgr{self.suffixes[image]}"][:, :, ::-1].copy()).permute(2, 0, 1)


def unpack(packed: NDArray, width: int) -> NDArray:
    """Masks packed along the last axis -> uint8 (..., width)."""
    return np.unpackbits(packed, axis=-1)[..., :width]


def assert_close(ours: torch.Tensor, theirs: NDArray) -> None:
    """Within the tolerance of the reference vectors."""
    np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=0, atol=1e-5 + 1e-4 * np.abs(theirs).max(initial=0))


def assert_same_masks(ours: torch.Tensor, packed: NDArray) -> None:
    """At most 0.1 % of the pixels differ."""
    theirs = unpack(packed, ours.shape[-1])
    assert ours.shape == theirs.shape
    assert (ours.numpy() != theirs).mean() <= PACKED_SHARE


def load_case(golden: Path, name: str) -> Case:
    """One file of reference vectors."""
    config = json.loads((golden / f"{name}.json").read_text())["config"]
    arrays = dict(np.load(golden / f"{name}.npz"))
    suffixes = ("_0", "_1") if name == "solov2_batch" else ("",)

    def pair(key: str) -> tuple[int, int]:
        height, width = arrays[key].tolist()
        return height, width

    batch = len(suffixes) > 1
    sizes = [pair(f"size{s}" if batch else "shape") for s in suffixes]
    originals = [pair(f"original_size{s}") for s in suffixes] if batch else sizes
    settings = SOLOv2Settings(
        backbone=BackboneSettings(name=f"resnet{config['depth']}", style="msra"),
        instance_channels=config["instance_channels"],
        mask_channels=config["mask_channels"],
        kernel_channels=config["num_kernels"],
        grids=config["num_grids"],
        scale_ranges=config["scale_ranges"],
    )
    padded = pair("padded_size") if batch else sizes[0]
    return Case(name, arrays, settings, config["num_classes"], suffixes, sizes, originals, padded)


def published_state(golden: Path, name: str) -> dict[str, torch.Tensor]:
    """The published state dict, under its own names."""
    shapes = json.loads((golden / f"{name}.json").read_text())["state_dict"]
    return {tensor: torch.from_numpy(_values(tensor, shape)) for tensor, shape in shapes.items()}


def _values(name: str, shape: list[int]) -> NDArray:
    """A tensor of the published state dict, made from its name as the reference vectors' README says."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name == "ins_head.cate_pred.bias":
        return np.full(shape, -1.0, np.float32)
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith("running_var"):
        values = rng.uniform(0.5, 1.5, shape)
    elif name.endswith(("running_mean", "bias")):
        values = 0.1 * rng.standard_normal(shape)
    elif len(shape) == 1:
        values = rng.uniform(0.5, 1.5, shape)
    else:
        values = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:])) * 0.5
    return np.asarray(values, np.float32)
