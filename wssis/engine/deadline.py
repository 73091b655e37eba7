"""When to stop early: a signal, or the end of the job's time."""

import os
import signal
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGTERM, signal.SIGINT)
MARGIN = 90.0
"""Seconds before the job's end by which the state must be on disk."""
REPEATED = 5.0
"""Seconds in which a second signal is the first one heard again: SLURM signals every process of a job, torchrun passes
its own on to the processes that it started."""
STOPPED = 143
"""Exit status of a training that saved its state and stopped: that of a process ended by SIGTERM."""


class TrainingStopped(SystemExit):
    """Raised after the state was saved; the process exits with status 143 and a rerun continues."""

    def __init__(self, message: str) -> None:
        super().__init__(STOPPED)
        self.message = message

    def __str__(self) -> str:
        return self.message


def job_end() -> float | None:
    """Unix time at which SLURM ends this job (SLURM_JOB_END_TIME), or None outside SLURM."""
    value = os.environ.get("SLURM_JOB_END_TIME", "")
    return float(value) if value.isdigit() else None


class StopRequest:
    """Context in which SIGTERM and SIGINT set a flag instead of ending the process; a later one ends it.

    Args:
        end: Unix time at which the job ends, or None.
        clock: gives the present Unix time.
    """

    def __init__(self, end: float | None = None, clock: Callable[[], float] = time.time) -> None:
        self._end, self._clock = end, clock
        self._signal: signal.Signals | None = None
        self._received = 0.0
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._signal is None:
            self._signal, self._received = signal.Signals(number), self._clock()
        elif self._clock() > self._received + REPEATED:
            for other, handler in self._before.items():
                signal.signal(other, handler)
            os.kill(os.getpid(), number)

    def reason(self, save_seconds: float = 0.0) -> str | None:
        """Why to stop now, or None. `save_seconds`: how long the longest save of the state took so far."""
        if self._signal is not None:
            return f"received {self._signal.name}"
        if self._end is not None and self._clock() + MARGIN + 2 * save_seconds > self._end:
            return "the job's time is nearly over"
        return None
