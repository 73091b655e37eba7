"""Refining one crop at a time, as published (`validate` of PointWSSIS' MaskRefineNet).

For each crop: its input, a forward pass of one, softmax, both channels enlarged to the window, the larger one, pasted
into an empty image, run-length encoded. Where the refined mask is empty the published code takes the rough one; that
is left out.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from pycocotools import mask as mask_api

from wssis.engine.crop_data import CropSample, collate
from wssis.geometry.windows import Window
from wssis.models.refinenet.network import MaskRefineNet


@torch.inference_mode()
def refined_one_by_one(
    network: MaskRefineNet, samples: Sequence[CropSample], windows: Sequence[Window], height: int, width: int
) -> list[dict[str, Any]]:
    """RLE of each crop's refined mask in its image of (height, width)."""
    device = next(network.parameters()).device
    found = []
    for sample, (x1, y1, x2, y2) in zip(samples, windows, strict=True):
        crop = collate([sample]).to(device)
        logits = network(network.input(crop.images, crop.rough, crop.points, crop.labels, crop.others))
        share = F.interpolate(logits.softmax(1), (y2 - y1, x2 - x1), mode="bilinear", align_corners=False)[0]
        mask = np.zeros((height, width), np.uint8, order="F")
        mask[y1:y2, x1:x2] = (share[1] > share[0]).byte().cpu().numpy()  # argmax over two is ten times slower
        rle = mask_api.encode(mask)
        found.append({"size": rle["size"], "counts": rle["counts"].decode("ascii")})
    return found
