"""How many masks are made at once: by the larger of the network's input and the file's own size."""

import torch

from wssis.models.solov2 import inference
from wssis.models.solov2.inference import full_size_masks, masks_at_once


def test_large_files_get_fewer_masks_at_once() -> None:
    features = torch.zeros(8, 48, 48)  # of 192 x 192 px
    per_mask = 16 * 48 * 48
    assert masks_at_once(features, (192, 192)) == inference.CHUNK_VALUES // per_mask
    assert masks_at_once(features, (3000, 4000)) == inference.CHUNK_VALUES // 12_000_000 == 5
    assert masks_at_once(features, (30_000, 40_000)) == 1


def test_masks_do_not_depend_on_the_steps(monkeypatch) -> None:
    generator = torch.Generator().manual_seed(0)
    features, kernels = (torch.randn(shape, generator=generator) for shape in ((8, 12, 12), (7, 8)))
    whole = full_size_masks(kernels, features, (48, 48), (96, 90), 0.5)
    monkeypatch.setattr(inference, "CHUNK_VALUES", 2 * 96 * 90)
    assert torch.equal(full_size_masks(kernels, features, (48, 48), (96, 90), 0.5), whole)
