"""Network, optimizer and moving average: all that learns, and all that is saved of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from wssis.config.training import OptimizerSettings
from wssis.engine.compiling import compiled
from wssis.engine.distributed import World
from wssis.engine.ema import MovingAverage
from wssis.engine.optimizer import build_optimizer
from wssis.engine.state import check_weights, restore_random_states
from wssis.errors import InputError


class Learner:
    """The network on its device, laid out channels-last, with its optimizer and moving average.

    Attributes:
        model: the bare network.
        forward: the same, compiled if the settings say so, and wrapped if there is more than one process.
    """

    def __init__(self, model: nn.Module, settings: OptimizerSettings, world: World) -> None:
        self.model = model.to(world.device).to(memory_format=torch.channels_last)
        self.model.train()
        if world.size > 1 and world.device.type == "cuda":
            _share_batch_statistics(self.model)
        self.optimizer = build_optimizer(self.model, settings)
        self.ema = MovingAverage(self.model, settings.ema) if settings.ema is not None else None
        self.forward: nn.Module = self.model
        self._settings, self._world = settings, world

    def connect(self) -> None:
        """Compile the network, wrap it for several processes; called once the weights are what they should be.

        Raises:
            InputError: it is to be compiled, and there is no compiler.
        """
        if self._settings.compile:
            self.forward = compiled(self.model, self._world.device)
        if self._world.size > 1:
            devices = [self._world.device.index] if self._world.device.type == "cuda" else None
            self.forward = DistributedDataParallel(self.forward, device_ids=devices, gradient_as_bucket_view=True)

    def final_weights(self) -> dict[str, Tensor]:
        """The weights to keep: averaged where there is a moving average, as they are elsewhere."""
        averages = self.ema.averages() if self.ema is not None else {}
        return {name: averages.get(name, weight) for name, weight in self.model.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """Everything that learns, for resuming."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema": self.ema.state_dict() if self.ema is not None else None,
        }

    def load_state_dict(self, folder: Path, state: Mapping[str, Any]) -> None:
        """Continue from `state_dict`; `folder` is for messages.

        Raises:
            InputError: the state is that of another network.
        """
        check_weights(folder, state["model"], self.model.state_dict())
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        restore_random_states(state["random"])


def _share_batch_statistics(model: nn.Module) -> None:
    """Let the trained batch norms see the batches of all processes; frozen ones stay as they are."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d) and child.training:
                setattr(module, name, _shared(child))


def _shared(norm: nn.BatchNorm2d) -> nn.Module:
    """A batch norm over the batches of all processes; torch's conversion would drop the activation within timm's."""
    if type(norm) is nn.BatchNorm2d:
        return nn.SyncBatchNorm.convert_sync_batchnorm(norm)
    from timm.layers import convert_sync_batchnorm

    shared = convert_sync_batchnorm(norm)
    if not isinstance(shared, nn.SyncBatchNorm):
        raise InputError(f"{type(norm).__name__} cannot share its statistics with other GPUs; use one, or norm: frozen")
    return shared
