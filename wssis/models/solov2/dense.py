"""SOLOv2 from pixels to dense outputs at one fixed size, as one module without control flow: for export."""

import torch
from torch import Tensor, nn

from wssis.models.solov2.network import DenseOutputs, SOLOv2, padded_size


class DenseSOLOv2(nn.Module):
    """RGB uint8 (B, 3, h, w) -> category logits and kernels of every level, and mask features, as a flat tuple.

    Normalisation and the zero padding to multiples of 32 are inside; resizing is not. Output order: `names()`.

    Args:
        model: in evaluation mode.
        height, width: h and w, px, before padding.
    """

    def __init__(self, model: SOLOv2, height: int, width: int) -> None:
        super().__init__()
        self.model = model
        padded = padded_size([(height, width)])
        self.padding = (0, padded[1] - width, 0, padded[0] - height)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        normalised = self.model.backbone.normalise(images)
        outputs = self.model(nn.functional.pad(normalised, self.padding))
        return (*outputs.category, *outputs.kernel, outputs.mask_features)

    def names(self) -> list[str]:
        """Names of the outputs: category_0 ..., kernel_0 ..., mask_features."""
        levels = range(len(self.model.settings.grids))
        return [*(f"category_{i}" for i in levels), *(f"kernel_{i}" for i in levels), "mask_features"]


def dense_outputs(flat: list[Tensor]) -> DenseOutputs:
    """The outputs of `DenseSOLOv2`, from torch or as tensors of another runtime's arrays, as `detect` takes them."""
    levels = (len(flat) - 1) // 2
    return DenseOutputs(flat[:levels], flat[levels:-1], flat[-1])


def sample_images(batch: int, height: int, width: int) -> Tensor:
    """Images to compare two runtimes on, uint8 (B, 3, h, w): noise over a gradient, the same at every call."""
    noise = torch.randint(0, 96, (batch, 3, height, width), generator=torch.Generator().manual_seed(0))
    rows, columns = torch.linspace(0, 159, height)[:, None], torch.linspace(0, 159, width)[None]
    gradient = torch.stack([rows.expand(height, width), columns.expand(height, width), (rows + columns) / 2])
    return (noise + gradient[None].long()).to(torch.uint8)
