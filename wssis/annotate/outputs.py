"""The files that a session writes beside its journal, and the thread that keeps them up to date.

The journal is the truth, synced at every action. The files follow within `DELAY` seconds and at the end, each written
whole under a temporary name and renamed.
"""

from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread

from wssis.annotate.session import Session
from wssis.annotate.timing import PAUSE
from wssis.formats.atomic import write_text
from wssis.formats.coco import write_coco

DELAY = 2.0
"""Seconds between an action and the files that have it."""


@dataclass(frozen=True)
class Files:
    """Where a session writes; `weak` is the one that was asked for."""

    weak: Path

    def _beside(self, ending: str) -> Path:
        return self.weak.with_name(f"{self.weak.stem}.{ending}")

    @property
    def unlabelled(self) -> Path:
        """COCO file of the images that nobody has finished."""
        return self._beside("unlabelled.json")

    @property
    def journal(self) -> Path:
        """Every action."""
        return self._beside("journal.jsonl")

    @property
    def seconds(self) -> Path:
        """What labelling took, as settings of the report."""
        return self._beside("seconds.yaml")


class Writer:
    """Writes a session's files when it has changed.

    Attributes:
        problem: why the files could not be written the last time; None where they could.
    """

    def __init__(self, session: Session, files: Files) -> None:
        self.problem: str | None = None
        self._session = session
        self._files = files
        self._changed, self._ended = Event(), Event()
        self._writing = Lock()
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Write the files now and from now on."""
        self.write()
        self._session.changed = self._changed.set
        self._thread.start()

    def close(self) -> None:
        """Stop, and write what is not written yet."""
        self._ended.set()
        self._changed.set()
        self._thread.join()
        self.write()

    def write(self) -> None:
        """Write all files; OSError where the disk does not take them."""
        with self._writing:
            weak, unlabelled = self._session.files()
            write_coco(self._files.weak, weak)
            write_coco(self._files.unlabelled, unlabelled)
            write_text(self._files.seconds, seconds_text(self._session))

    def _run(self) -> None:
        while not self._ended.is_set():
            self._changed.wait()
            self._ended.wait(DELAY)
            self._changed.clear()
            if self._ended.is_set():
                return
            try:
                self.write()
                self.problem = None
            except OSError as error:
                self.problem = f"{self._files.weak} could not be written ({error}); the journal has every action"
                self._changed.set()


def seconds_text(session: Session) -> str:
    """The measured seconds as a study file: `report.cost.measured`; keys without a measurement are left out."""
    found, pauses = session.measured(), session.clock.pauses
    if session.board.view == "points":
        values = {"image": found.image, "point_first": found.point_first, "point_more": found.point_more}
    else:
        values = {"point_in_box": found.seconds / found.points if found.points else None}
    told = f"# {found.seconds:.0f} s on {found.images} finished images with {found.points} points"
    told += f"; {pauses} pause(s), counted as {PAUSE:g} s each.\n"
    rows = [f"      {key}: {value:.3f}\n" for key, value in values.items() if value is not None]
    return told + ("report:\n  cost:\n    measured:\n" + "".join(rows) if rows else "# Nothing measured yet.\n{}\n")
