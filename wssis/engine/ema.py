"""Exponential moving average of the trainable weights."""

import torch
from torch import nn

WARMUP = 10
"""After n updates the decay is at most (1 + n) / (10 + n), so that the random initial weights are soon forgotten."""


class MovingAverage:
    """average <- d average + (1 - d) weight after each step, d = min(decay, (1 + n) / (10 + n)) after n updates.

    Frozen weights and buffers are not averaged: they are taken as they are in the model.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self._averages = {name: weight.detach().clone() for name, weight in self._weights.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the model's present weights."""
        decay = min(self.decay, (1 + self.updates) / (WARMUP + self.updates))
        torch._foreach_lerp_(list(self._averages.values()), list(self._weights.values()), 1 - decay)
        self.updates += 1

    def averages(self) -> dict[str, torch.Tensor]:
        """Name -> averaged weight, for the trainable weights."""
        return self._averages

    def state_dict(self) -> dict[str, object]:
        """Averages and number of updates, for resuming."""
        return {"averages": self._averages, "updates": self.updates}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, object]) -> None:
        """Continue from `state_dict`; names and shapes have been checked by the reader of the state."""
        for name, average in self._averages.items():
            average.copy_(state["averages"][name])
        self.updates = state["updates"]
