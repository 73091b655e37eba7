"""Batch-norm statistics after training: those of the kept weights, and refused where evaluation fails on them."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from toy_task import OPTIMIZER, SCHEDULE, ToyTask

from wssis.config.mask_stages import RefinerSettings
from wssis.engine.learner import _share_batch_statistics
from wssis.engine.norm_statistics import NormStatisticsError, check, measure, trained_norms
from wssis.engine.refiner_task import RefinerTask
from wssis.engine.trainer import MODEL, train
from wssis.errors import InputError
from wssis.formats.checkpoint import load_model

BATCHES = [torch.tensor([[0.0], [4.0]]), torch.tensor([[2.0], [2.0]])]
"""Means 2 and 2; unbiased variances 8 and 0."""


class NormedToy(ToyTask):
    """The toy with a batch norm whose inputs hardly vary around a mean that moves with the weights."""

    def __init__(self, spread: float = 1.0) -> None:
        super().__init__(dropout=0.0)
        self.model = nn.Sequential(nn.Linear(6, 8), Scaled(spread), nn.BatchNorm1d(8), nn.Linear(8, 1))


class Scaled(nn.Module):
    """x -> 1000 + spread x."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.spread = spread

    def forward(self, x: Tensor) -> Tensor:
        return 1000 + self.spread * x


def _square(model: nn.Module):
    return lambda batch: {"square": model(batch).square().mean()}


def test_plain_means_over_the_batches() -> None:
    norm = nn.BatchNorm1d(1).train()
    norm.running_mean.fill_(50)
    assert measure(norm, _square(norm), BATCHES) == pytest.approx(0.5, abs=1e-5)  # 1 and 0
    assert norm.running_mean.item() == 2 and norm.running_var.item() == 4 and norm.momentum == 0.1
    assert norm.training


def test_frozen_norms_and_weights_stay() -> None:
    model = nn.Sequential(nn.BatchNorm1d(1), nn.BatchNorm1d(1)).train()
    model[0].eval()
    assert trained_norms(model) == [model[1]]
    measure(model, _square(model), BATCHES)
    assert model[0].running_mean.item() == 0 and model[1].running_mean.item() == pytest.approx(2, abs=1e-4)
    assert all(weight.grad is None and weight.item() in (0, 1) for weight in model.parameters())


def test_statistics_that_fail_are_refused() -> None:
    norm = nn.BatchNorm1d(1).train()
    trained = measure(norm, _square(norm), BATCHES)
    assert check(norm, _square(norm), BATCHES, trained) == pytest.approx(0.5, abs=1e-5)
    assert norm.training
    norm.running_mean.fill_(50)
    with pytest.raises(NormStatisticsError, match=r"refiner\.network\.norm: group"):
        check(norm, _square(norm), BATCHES, trained)


def test_training_keeps_the_statistics_of_its_final_weights(tmp_path: Path) -> None:
    task = NormedToy(spread=1e-3)
    summary = train(task, SCHEDULE, OPTIMIZER, 5, tmp_path / "out", tmp_path / "state" / "key", {"kind": "toy"})
    state, _ = load_model(tmp_path / "out" / MODEL)
    inputs = torch.stack([task.dataset[index, seed][0] for seed in range(200) for index in range(10)])
    task.model.load_state_dict(state)
    seen = task.model[1](task.model[0](inputs))
    assert torch.allclose(state["2.running_mean"], seen.mean(dim=0), atol=5e-4)
    counts = summary.counts()
    assert counts["final_loss_evaluation_mode"] < 2 * counts["final_loss_training_mode"] + 0.1


def test_networks_without_trained_norms_say_nothing(tmp_path: Path) -> None:
    summary = train(ToyTask(), SCHEDULE, OPTIMIZER, 5, tmp_path / "out", tmp_path / "state" / "key", {"kind": "toy"})
    assert "final_loss_evaluation_mode" not in summary.counts()


def test_norms_of_timm_share_their_statistics_and_keep_their_activation() -> None:
    """On several GPUs; they are a class of their own, and half of a network would be normalised otherwise."""
    model = nn.Sequential(BatchNormAct2d(4, act_layer=nn.ReLU6), nn.BatchNorm2d(4), nn.BatchNorm2d(4).eval())
    _share_batch_statistics(model)
    first, second, frozen = model
    assert isinstance(first, nn.SyncBatchNorm) and isinstance(first.act, nn.ReLU6)
    assert isinstance(second, nn.SyncBatchNorm) and type(frozen) is nn.BatchNorm2d


def test_a_pass_of_a_single_crop_is_refused_by_its_settings() -> None:
    task = object.__new__(RefinerTask)
    task.settings = RefinerSettings()
    with pytest.raises(InputError, match=r"needs two crops in a pass.* set refiner.network.norm to group"):
        task.losses(nn.Identity(), SimpleNamespace(images=torch.zeros(1, 3, 8, 8)))
