"""A segmentor over a user's images, batch by batch: what is broken is named, what is done is kept."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wssis.config.training import InferenceSettings
from wssis.engine.predictor import batches
from wssis.engine.progress import Progress
from wssis.formats.images_table import ImageRow
from wssis.formats.table import write_table
from wssis.predicting.overlays import Painter
from wssis.predicting.pictures import BrokenPicture, Picture, read_picture
from wssis.predicting.result_log import Record, ResultLog

Pixels = NDArray[np.uint8]
Found = list[dict[str, Any]]
Work = Callable[[list[ImageRow], Sequence[Pixels]], list[Found]]
"""Images of equal padded size, by row and by pixels -> what was found in each, ready for JSON."""


@dataclass
class Account:
    """What a run did: images predicted, images done by an earlier run, seconds by kind."""

    predicted: int = 0
    kept: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: {"read": 0.0, "predict": 0.0, "draw": 0.0})

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Count the seconds of a block."""
        begun = time.monotonic()
        yield
        self.seconds[kind] += time.monotonic() - begun

    def speed(self) -> str:
        """One line: images per second, with and without reading files and drawing."""
        kept = f"; {self.kept} kept from the interrupted run" if self.kept else ""
        if not self.predicted:
            return f"0 images predicted{kept}"
        total, bare = sum(self.seconds.values()), self.seconds["predict"]
        parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())
        return (
            f"{self.predicted} images in {total:.1f} s: {self.predicted / total:.1f} images/s; without reading and"
            f" drawing {self.predicted / bare:.1f} images/s ({parts}){kept}"
        )


def image_rows(pictures: Sequence[Picture]) -> list[ImageRow]:
    """The pictures as the predictor takes them, numbered from 1."""
    return [ImageRow("", i, one.file_name, one.width, one.height, "") for i, one in enumerate(pictures, 1)]


def predict_pictures(
    pictures: Sequence[Picture],
    settings: InferenceSettings,
    work: Work,
    log: ResultLog,
    painter: Painter,
    account: Account,
) -> None:
    """Add a record to the log for every picture that has none, and paint the overlays that are asked for.

    A batch is left out only where all its images are done: so the batches, and the last bits of the results, are those
    of a run without interruption. An image that cannot be read is left out of its batch; its record has the `reason`.
    """
    by_id = dict(enumerate(pictures, 1))
    with Progress("predict", len(pictures)) as progress:
        done = 0
        for rows in batches(image_rows(pictures), settings):
            done += len(rows)
            part = [by_id[row.image_id] for row in rows]
            if all(_done(one, log, painter) for one in part):
                account.kept += len(part)
            else:
                pairs = list(zip(rows, part, strict=True))
                log.add(_records(pairs, work, painter, account))
            progress.count(done)


def _done(picture: Picture, log: ResultLog, painter: Painter) -> bool:
    if not log.has(picture.file_name, picture.stamp):
        return False
    if not painter.wants(picture.file_name) or painter.path(picture.file_name).is_file():
        return True
    return log.reason(picture.file_name) is not None


def _records(
    pairs: Sequence[tuple[ImageRow, Picture]], work: Work, painter: Painter, account: Account
) -> list[Record]:
    """Records of one batch; overlays are written before the records, so that a record vouches for them."""
    records: list[Record] = []
    sound: list[tuple[ImageRow, Picture, Pixels]] = []
    with account.timed("read"):
        for row, picture in pairs:
            try:
                sound.append((row, picture, read_picture(picture)))
            except BrokenPicture as error:
                records.append(_record(picture, reason=str(error)))
    if not sound:
        return records
    images = [pixels for _, _, pixels in sound]
    with account.timed("predict"):
        found = work([row for row, _, _ in sound], images)
    with account.timed("draw"):
        for (_, picture, pixels), own in zip(sound, found, strict=True):
            if painter.wants(picture.file_name):
                painter.paint(picture.file_name, pixels, own)
    account.predicted += len(sound)
    return records + [_record(one, found=own) for (_, one, _), own in zip(sound, found, strict=True)]


def _record(picture: Picture, **content: object) -> Record:
    return {"file_name": picture.file_name, "stamp": list(picture.stamp), **content}


def split_records(pictures: Sequence[Picture], log: ResultLog) -> tuple[list[Picture], dict[str, str]]:
    """The pictures with results, and file_name -> reason of those that could not be read."""
    reasons = {one.file_name: log.reason(one.file_name) for one in pictures}
    sound = [one for one in pictures if reasons[one.file_name] is None]
    return sound, {name: reason for name, reason in reasons.items() if reason is not None}


def image_records(pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """COCO's images, numbered from 1."""
    return [
        {"id": i, "file_name": one.file_name, "width": one.width, "height": one.height}
        for i, one in enumerate(pictures, 1)
    ]


def say_broken(skipped: Mapping[str, str]) -> None:
    """Name every image that was left out, on standard error."""
    for name, reason in sorted(skipped.items()):
        print(f"skipped: {name}: {reason}", file=sys.stderr)


def say_turned(pictures: Sequence[Picture]) -> None:
    """Warn of images that a viewer would turn: the network sees them as they are stored."""
    turned = [one.file_name for one in pictures if one.turned]
    if turned:
        print(
            f"warning: {len(turned)} image(s) have an EXIF orientation, {turned[0]} for one. It is ignored, as in"
            " training, and masks fit the stored pixels; turn the files themselves if you want them upright",
            file=sys.stderr,
        )


def write_skipped(path: Path, skipped: Mapping[str, str]) -> list[Path]:
    """Write skipped.csv, or remove an old one where nothing was skipped; the files written."""
    if not skipped:
        path.unlink(missing_ok=True)
        return []
    write_table(path, ("file_name", "reason"), sorted(skipped.items()))
    return [path]
