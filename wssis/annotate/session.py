"""A labelling session: the one place where labels change, for however many windows are open on it.

Every action names the revision that its window has seen. If the labels have changed since then, nothing is done, and
the window is told what has changed. An action is in the journal, on the disk, before it counts.
"""

import time
from collections.abc import Callable
from threading import RLock
from typing import Any

from wssis.annotate import changes
from wssis.annotate.changes import Board, Change, Refused
from wssis.annotate.journal import Journal, Line
from wssis.annotate.point_board import PointBoard
from wssis.annotate.setup import Setup
from wssis.annotate.timing import Clock, MeasuredSeconds
from wssis.errors import InputError


class Outdated(Exception):
    """The window that asks has not seen the latest changes."""


class Session:
    """The labels, their history and their time, over a journal.

    Attributes:
        revision: number of actions so far, undone ones and undos included.
        changed: called after every action.

    Args:
        journal: open, its first line being the setup; what it holds is carried out again.
        setup: images as they are now, categories.
        board: the labels as they were at first.

    Raises:
        InputError: the journal was changed by something else.
    """

    def __init__(self, journal: Journal, setup: Setup, board: Board, now: Callable[[], float] = time.time) -> None:
        self.setup = setup
        self.board = board
        self.changed: Callable[[], None] = lambda: None
        self.clock = Clock()
        self._journal = journal
        self._now = now
        self._guard = RLock()
        self._done: list[Change] = []
        self._undone: list[Change] = []
        self._history: list[Change] = []
        for number, line in enumerate(journal.lines[1:], start=2):
            try:
                self._replay(line)
            except (KeyError, IndexError, TypeError, Refused) as error:
                raise InputError(
                    f"{journal.path}: line {number} does not fit what comes before it ({error!r}); restore a copy, or"
                    " cut the file off before that line"
                ) from None
        self._log({"what": changes.OPENED}, sync=False)

    @property
    def revision(self) -> int:
        """Number of actions so far."""
        return len(self._history)

    def act(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry an action out: {do, revision, ...}, `do` being undo, redo, or what the board knows.

        Returns:
            The revision, the changes since that of the request (at least this one), and the progress.

        Raises:
            Outdated: the request's revision is not the latest.
            Refused: the action makes no sense.
            OSError: it could not be saved, so it was not carried out.
        """
        with self._guard:
            seen = request.get("revision")
            if seen != self.revision:
                raise Outdated
            do = request.get("do")
            if do in (changes.UNDO, changes.REDO):
                stack = self._done if do == changes.UNDO else self._undone
                if not stack:
                    raise Refused(f"there is nothing to {do}")
                self._log({"what": do})
            else:
                change = self.board.change(request)
                if change.before == change.after:
                    raise Refused("that changes nothing")
                self._log(change.as_json())
            self.changed()
            return self.since(seen)

    def shown(self, image: int) -> None:
        """An image is looked at: for the time it takes, not for the labels."""
        with self._guard:
            self._log({"what": changes.SHOWN, "image": image}, sync=False)

    def since(self, revision: int) -> dict[str, Any]:
        """The revision, what has changed since another one, and the progress."""
        with self._guard:
            new = [change.as_json() for change in self._history[revision:]]
            return {"revision": self.revision, "changes": new, "progress": self.progress()}

    def state(self) -> dict[str, Any]:
        """All that a page needs to begin."""
        with self._guard:
            images = [
                {"id": image.id, "name": image.file_name, "width": image.width, "height": image.height}
                for image in self.setup.images
            ]
            categories = [{"id": key, "name": name} for key, name in self.setup.categories.items()]
            head = {"view": self.board.view, "revision": self.revision, "images": images, "categories": categories}
            return head | self.board.content() | {"progress": self.progress()}

    def progress(self) -> dict[str, Any]:
        """Images and labels done, labels per minute of this session, and the seconds that the rest will take."""
        finished = self.board.finished()
        left = len(self.setup.images) - len(finished)
        each = self.clock.seconds_per_image(finished)
        return {
            "finished": len(finished), "images": len(self.setup.images), "labels": self.board.labels(),
            "per_minute": self.clock.labels_per_minute, "seconds_left": None if each is None else each * left,
        }  # fmt: skip

    def measured(self) -> MeasuredSeconds:
        """Seconds per image and point over the finished images, those aside whose points were given."""
        with self._guard:
            images = self.board.finished() - set(self.setup.seen)
            if isinstance(self.board, PointBoard):
                return self.clock.measured(images, *self.board.counts(images))
            worked = {image for image in images if image in self.clock.tallies}
            answers = sum(len(self.clock.tallies[image].more) for image in worked)
            return self.clock.measured(worked, answers, 0)

    def files(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """COCO content of the finished images with their labels, and of the other images, without annotations."""
        with self._guard:
            finished = self.board.finished()
            categories = [{"id": key, "name": name} for key, name in self.setup.categories.items()]
            images: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
            for image in self.setup.images:
                row = {"id": image.id, "file_name": image.file_name, "width": image.width, "height": image.height}
                images[image.id in finished].append(row)
            return (
                {"images": images[True], "annotations": self.board.annotations(), "categories": categories},
                {"images": images[False], "annotations": [], "categories": categories},
            )

    def close(self) -> None:
        """Let another process have the journal."""
        with self._guard:
            self._journal.close()

    def _log(self, line: Line, sync: bool = True) -> None:
        line = {**line, "time": round(self._now(), 3)}
        self._journal.append(line, sync)
        self._replay(line)

    def _replay(self, line: Line) -> None:
        """Carry out what a line of the journal says."""
        what = line["what"]
        if what == changes.OPENED:
            self.clock.opened(line["time"])
        elif what == changes.SHOWN:
            self.clock.shown(line["time"], line["image"])
        elif what == changes.UNDO:
            change = self._done.pop()
            self._undone.append(change)
            self._carry_out(change.inverse, line["time"])
        elif what == changes.REDO:
            change = self._undone.pop()
            self._done.append(change)
            self._carry_out(change, line["time"])
        elif what in changes.KINDS:
            change = changes.change_of(line)
            self._done.append(change)
            self._undone.clear()
            self._carry_out(change, line["time"], self._label(change))
        elif what not in (changes.IMAGES, changes.CATEGORIES, changes.NARROWED):
            raise Refused(f"unknown action {what!r}")

    def _carry_out(self, change: Change, when: float, label: str | None = None) -> None:
        self.clock.acted(when, change.image, label)
        self.board.apply(change)
        self._history.append(change)

    def _label(self, change: Change) -> str | None:
        """Whether a change puts a point: the first of its class on the image, or one more."""
        if change.before is not None or change.after is None:
            return None
        if isinstance(self.board, PointBoard):
            return "first" if self.board.first_of_class(change) else "more"
        return "more"
