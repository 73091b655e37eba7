"""What an action does to the labels: one value becomes another, so that every action can be undone."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol

What = Literal["point", "finished", "answer"]
KINDS = ("point", "finished", "answer")
UNDO, REDO, OPENED, SHOWN = "undo", "redo", "opened", "shown"
IMAGES, CATEGORIES, NARROWED = "images", "categories", "narrowed"
"""Lines that change what the session is about."""


class Refused(Exception):
    """An action that makes no sense; the message is shown on the page."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value of the labels, before and after.

    Attributes:
        what: `point`: a point, [category_id, x, y] in pixel indices, or None where there is none; `finished`: whether
            an image is finished; `answer`: 1 (object), 0 (background) or None for one drawn point of a box.
        image: image id.
        item: id of the point, or of the box; None for `finished`.
        place: number of the drawn point in its box, from 0; None otherwise.
    """

    what: What
    image: int
    item: int | None
    place: int | None
    before: Any
    after: Any

    @property
    def inverse(self) -> "Change":
        """The change that undoes this one."""
        return replace(self, before=self.after, after=self.before)

    def as_json(self) -> dict[str, Any]:
        """Its line in the journal, and what the page is told."""
        return asdict(self)


def change_of(line: dict[str, Any]) -> Change:
    """The change in a line of the journal."""
    return Change(**{key: line[key] for key in Change.__slots__})


class Board(Protocol):
    """The labels of one view."""

    view: str

    def change(self, request: dict[str, Any]) -> Change:
        """The change that a page's request asks for; Refused where it makes no sense."""

    def apply(self, change: Change) -> None:
        """Carry a change out."""

    def content(self) -> dict[str, Any]:
        """All that the page needs to show, ready for JSON."""

    def finished(self) -> set[int]:
        """Ids of the images that are finished."""

    def labels(self) -> int:
        """Number of points, or of answers, that have been given."""

    def annotations(self) -> list[dict[str, Any]]:
        """COCO annotations of the finished images."""
