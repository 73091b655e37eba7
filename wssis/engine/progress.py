"""Progress for people: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 20.0
LONGEST_SILENCE = 60.0


class Progress:
    """Context that shows how far a training is.

    Args:
        title: stands before every line.
        total: number of steps.
        done: steps already done by an earlier run.
        shown: False in all processes but one.
        stream: where to write; standard error by default.
    """

    def __init__(self, title: str, total: int, done: int = 0, shown: bool = True, stream: TextIO | None = None) -> None:
        self._title, self._total, self._done, self._shown = title, total, done, shown
        self._stream = sys.stderr if stream is None else stream
        self._bar: tqdm | None = None
        if shown and self._stream.isatty():
            self._bar = tqdm(total=total, initial=done, desc=title, unit="step", file=self._stream)
        self._last = float("-inf")
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self) -> None:
        """One step is done. Where steps are slow, a log has a line a minute without figures."""
        self._done += 1
        if self._bar is not None:
            self._bar.update()
        elif time.monotonic() - self._said >= LONGEST_SILENCE:
            self.say(f"step {self._done}/{self._total}")

    def report(self, step: int, losses: Mapping[str, float], images_per_second: float) -> None:
        """Show the figures of the last steps; in a log at most every 20 s, but at the end always."""
        values = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
        if self._bar is not None:
            self._bar.set_postfix_str(values)
        elif time.monotonic() - self._last >= SECONDS_BETWEEN_LINES or step == self._total:
            self._last = time.monotonic()
            self.say(f"step {step}/{self._total}, {values}, {images_per_second:.1f} images/s")

    def count(self, done: int) -> None:
        """`done` of the total are done; for work without losses. In a log at most every 20 s, and at the end."""
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif time.monotonic() - self._last >= SECONDS_BETWEEN_LINES or done == self._total:
            self._last = time.monotonic()
            self.say(f"{done} of {self._total}")

    def say(self, message: str) -> None:
        """One line, at once."""
        self._said = time.monotonic()
        if not self._shown:
            return
        if self._bar is not None:
            self._bar.write(f"{self._title}: {message}", file=self._stream)
        else:
            print(f"{self._title}: {message}", file=self._stream, flush=True)
