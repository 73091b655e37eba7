"""When several processes ask each other whether any of them was told to stop."""

import time

from wssis.engine.distributed import World, largest_of_processes

SECONDS = 5.0
"""Time between two questions. torchrun kills 30 s after a signal, and the state has to be saved by then."""


class Agreement:
    """The step of the next question, known to all processes: it follows from what the slowest of them took.

    To ask at every step would have all wait for the device; every so many steps would be too late where steps are slow.
    """

    def __init__(self, world: World, step: int) -> None:
        self._world = world
        self._asked, self._next, self._since = step, step + 1, time.monotonic()

    def stopping(self, step: int, wanted: bool) -> bool:
        """Whether to stop after this step; `wanted`: whether this process was told to. All processes call it alike."""
        if self._world.size == 1:
            return wanted
        if step < self._next:
            return False
        stop, elapsed = largest_of_processes(self._world, [float(wanted), time.monotonic() - self._since])
        steps = (step - self._asked) * SECONDS / max(elapsed, 1e-3)
        self._asked, self._next, self._since = step, step + max(1, int(steps)), time.monotonic()
        return bool(stop)
