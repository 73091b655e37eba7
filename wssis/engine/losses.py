"""Keeping an eye on the losses without making the device wait."""

import math
from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

from wssis.errors import InputError


class NonFiniteLossError(InputError):
    """A loss is NaN or infinite; names the step, the losses and the images of the batch."""


class LossWatch:
    """Stops at a non-finite loss and averages the losses between two reports.

    On a GPU the values of a step are copied in the background and looked at when a later step has been queued, so that
    no step waits for them; `settle` looks at all that are outstanding and is called before anything is saved.
    """

    DELAY = 2

    def __init__(self) -> None:
        self._outstanding: deque[tuple[int, list[int], list[str], Tensor, torch.cuda.Event | None]] = deque()
        self._sums: dict[str, float] = {}
        self._steps = 0.0

    def add(self, step: int, image_ids: list[int], names: Sequence[str], values: Tensor, share: float) -> None:
        """Take note of one pass: its part of the step's losses, float32 (K,), and its share of the step's images."""
        values, event = values.detach(), None
        if values.is_cuda:
            values = values.to("cpu", non_blocking=True)
            event = torch.cuda.Event()
            event.record()
        self._steps += share
        self._outstanding.append((step, image_ids, list(names), values, event))
        while len(self._outstanding) > (self.DELAY if event is not None else 0):
            self._look(*self._outstanding.popleft())

    def _look(
        self, step: int, image_ids: list[int], names: list[str], values: Tensor, event: torch.cuda.Event | None
    ) -> None:
        if event is not None:
            event.synchronize()
        found = dict(zip(names, values.tolist(), strict=True))
        if not all(math.isfinite(value) for value in found.values()):
            raise NonFiniteLossError(
                f"loss is not finite at step {step} ({', '.join(f'{name} {value}' for name, value in found.items())}), "
                f"images {', '.join(map(str, image_ids))}; check these images, or lower optimizer.lr"
            )
        for name, value in found.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def settle(self) -> None:
        """Look at every value that is still outstanding.

        Raises:
            NonFiniteLossError: one of them is not finite.
        """
        while self._outstanding:
            self._look(*self._outstanding.popleft())

    def means(self) -> dict[str, float]:
        """Means of the losses over the steps since the last call."""
        self.settle()
        means = {name: value / self._steps for name, value in self._sums.items()} if self._steps else {}
        self._sums, self._steps = {}, 0.0
        return means

    def state_dict(self) -> dict[str, object]:
        """Sums since the last report, for resuming."""
        self.settle()
        return {"sums": self._sums, "steps": self._steps}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Continue from `state_dict`."""
        self._sums, self._steps = dict(state["sums"]), state["steps"]
