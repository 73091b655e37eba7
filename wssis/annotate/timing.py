"""How long labelling takes, from the times of the actions: per point, per image, and what is left.

A gap between two actions counts for the image that was open; one longer than `PAUSE` counts as `PAUSE`. Time between
the end of one session and the start of the next counts for nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

PAUSE = 60.0
"""Seconds: a longer gap is a pause, not work."""


@dataclass
class Tally:
    """Seconds of one image, and those of its points: of the first of a class, and of the others."""

    seconds: float = 0.0
    first: list[float] = field(default_factory=list)
    more: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class MeasuredSeconds:
    """Seconds per image and per point over some images; None: there was none to measure.

    `image` x images + `point_first` x pairs + `point_more` x other points is what they took in all.

    `image` holds all that is not the putting of a point: looking for objects, zooming, corrections, the next image.
    """

    images: int
    points: int
    seconds: float
    image: float | None
    point_first: float | None
    point_more: float | None


class Clock:
    """Adds up the time of a session's actions, in their order."""

    def __init__(self) -> None:
        self.tallies: dict[int, Tally] = {}
        self.pauses = 0
        self._last: float | None = None
        self._image: int | None = None
        self._sitting_seconds = 0.0
        self._sitting_labels = 0

    def opened(self, time: float) -> None:
        """A session starts."""
        self._last, self._image = None, None
        self._sitting_seconds, self._sitting_labels = 0.0, 0

    def shown(self, time: float, image: int) -> None:
        """Another image is looked at from now on."""
        self._gap(time, self._image)
        self._image = image

    def acted(self, time: float, image: int, label: str | None = None) -> None:
        """An action on an image; label: `first` or `more` for a point that was put, or an answer (`more`)."""
        gap = self._gap(time, image)
        self._image = image
        if label is not None:
            self._sitting_labels += 1
            getattr(self._tally(image), label).append(gap)

    def _tally(self, image: int) -> Tally:
        return self.tallies.setdefault(image, Tally())

    def _gap(self, time: float, image: int | None) -> float:
        gap = 0.0 if self._last is None or image is None else max(0.0, time - self._last)
        self._last = time
        if gap > PAUSE:
            self.pauses += 1
            gap = PAUSE
        if image is not None:
            self._tally(image).seconds += gap
        self._sitting_seconds += gap
        return gap

    @property
    def labels_per_minute(self) -> float | None:
        """Of this session; None before the first one."""
        if not self._sitting_labels or not self._sitting_seconds:
            return None
        return 60 * self._sitting_labels / self._sitting_seconds

    def seconds_per_image(self, images: Iterable[int]) -> float | None:
        """Mean seconds of those of the images that were worked on; None where there is none."""
        own = [self.tallies[image].seconds for image in images if image in self.tallies]
        return sum(own) / len(own) if own else None

    def measured(self, images: set[int], points: int, pairs: int) -> MeasuredSeconds:
        """Seconds per image and point over finished images, every point of which was put here.

        Args:
            images: their ids. points: on them, as they are now. pairs: of their (image, category).
        """
        own = [self.tallies.get(image, Tally()) for image in images]
        seconds = sum(tally.seconds for tally in own)
        first = _mean([gap for tally in own for gap in tally.first])
        more = _mean([gap for tally in own for gap in tally.more])
        putting = pairs * (first or 0.0) + (points - pairs) * (more or 0.0)
        image = max(0.0, seconds - putting) / len(images) if images else None
        return MeasuredSeconds(len(images), points, seconds, image, first, more)


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
